"""Where the readers of data sets were: they are in `pvuw.sources` now, under the same names."""

from pvuw.sources import SourceSpec as SourceSpec
from pvuw.sources import open_source as open_source

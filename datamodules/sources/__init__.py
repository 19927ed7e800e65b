"""Where the readers of data sets were: they are in `pvuw.sources` now, under the same names."""

from pvuw.sources import *  # noqa: F403
from pvuw.sources import SourceSpec as SourceSpec

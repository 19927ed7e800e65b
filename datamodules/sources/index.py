"""See `pvuw.sources.index`."""

from pvuw.sources.index import load_records as load_records

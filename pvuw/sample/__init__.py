"""Generated MOSE-like videos with exact truth: demo data and known answers for tests.

Everything here is NumPy and exact arithmetic (see `pvuw.sample.exact`), so a seed gives the same
frames and masks on every machine; JPEG coding comes after and depends on the installed encoder.
"""

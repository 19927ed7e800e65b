"""SAM 2: the network class `Sam2` and what it is made of (see README.md in this folder)."""

import pvuw.nets.sam2.quiet_import  # noqa: F401  (first: it keeps Hydra's global state intact)
from pvuw.nets.sam2.net import Sam2

__all__ = ["Sam2"]

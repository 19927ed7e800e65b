"""SAM 3's tracker: the network class `Sam3` and its parts (see README.md in this folder)."""

import pvuw.nets.sam2  # noqa: F401  (first: it imports the `sam2` package quietly)
from pvuw.nets.sam3.competition import Competition
from pvuw.nets.sam3.long_memory import LongMemory
from pvuw.nets.sam3.net import Sam3
from pvuw.nets.sam3.selection import MemorySelection

__all__ = ["Competition", "LongMemory", "MemorySelection", "Sam3"]

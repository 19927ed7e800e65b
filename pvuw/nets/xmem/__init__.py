"""XMem: the network class `XMem` and what it is made of (see README.md in this folder)."""

from pvuw.nets.xmem.net import XMem

__all__ = ["XMem"]

"""TMO: foreground by appearance and motion (see README.md in this folder)."""

from pvuw.nets.tmo.anchored import AnchoredTmo
from pvuw.nets.tmo.net import Tmo

__all__ = ["AnchoredTmo", "Tmo"]

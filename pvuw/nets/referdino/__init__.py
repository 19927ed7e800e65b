"""ReferDINO: the network class `ReferDino` and its parts (see README.md in this folder)."""

from pvuw.nets.referdino.grounder import Choice
from pvuw.nets.referdino.net import ReferDino

__all__ = ["Choice", "ReferDino"]

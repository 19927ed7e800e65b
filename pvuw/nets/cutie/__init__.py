"""Cutie: object memory beside pixel memory. See README.md in this folder."""

from pvuw.nets.cutie.net import Cutie

__all__ = ["Cutie"]

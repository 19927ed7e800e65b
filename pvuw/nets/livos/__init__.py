"""LiVOS: memory of constant size by linear matching. See README.md in this folder."""

from pvuw.nets.livos.net import LiVOS

__all__ = ["LiVOS"]

"""Sa2VA: a language model looks at a few frames, SAM 2 follows what it means (README.md)."""

from pvuw.nets.sa2va.net import Sa2va

__all__ = ["Sa2va"]

"""Pixel-level video understanding in the wild: the plain PyTorch and NumPy library."""

__version__ = "0.1.0"

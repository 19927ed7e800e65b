"""Frames, masks and videos between files and arrays."""

"""Folders of masks read side by side, and the answer written beside its record."""

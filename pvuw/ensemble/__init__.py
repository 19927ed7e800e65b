"""Several networks' masks of the same videos, fused into one answer. Imports no torch."""

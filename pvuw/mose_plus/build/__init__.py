"""From decisions to a folder in the layout of MOSE, and looking at it again."""

"""HTML pages that open from disk: one file, nothing loaded from anywhere."""

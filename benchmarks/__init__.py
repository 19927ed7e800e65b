"""Scripts behind every figure in the docs; each prints date, hardware and commit."""

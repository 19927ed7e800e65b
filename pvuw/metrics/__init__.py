"""How good masks are: J, F and their means. Only `jf` imports torch."""

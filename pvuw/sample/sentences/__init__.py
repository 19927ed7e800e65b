"""True sentences about a generated scene: facts, what can be said of them, and what it means."""

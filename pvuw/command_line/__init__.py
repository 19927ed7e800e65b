"""What the command line says: help that teaches, and one line for a mistake."""

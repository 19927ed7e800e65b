"""What makes a video hard, measured on its masks and frames. Imports no torch."""

"""Running a network over whole videos, frame by frame."""

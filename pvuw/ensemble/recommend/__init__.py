"""What each member is good at: measured, kept, predicted, followed."""

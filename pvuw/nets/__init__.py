"""Networks behind one interface; one folder per family."""

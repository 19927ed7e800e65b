"""Data sets the data modules are made of."""

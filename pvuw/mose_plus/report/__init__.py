"""The parts of the report page of a MOSE+ build: numbers, pictures, and HTML around them."""

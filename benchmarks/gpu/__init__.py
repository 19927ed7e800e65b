"""Everything that only a machine with a CUDA card can tell, in one command and one sitting."""

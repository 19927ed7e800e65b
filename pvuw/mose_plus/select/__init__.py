"""Which videos of other sources resemble MOSE, and which must not be used."""

"""Parts of the on-device augmentation: what moves pixels, and what recolours them."""

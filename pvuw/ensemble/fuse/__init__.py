"""From several masks of one video to one: ids put right, then votes."""

"""SAM 2: the network class `Sam2` and what it is made of (see README.md in this folder)."""

import pvuw.nets.sam2.quiet_import  # noqa: F401  (first: it keeps Hydra's global state intact)
from pvuw.nets.sam2.distractor_aware import DistractorAware
from pvuw.nets.sam2.net import Sam2
from pvuw.nets.sam2.promote_reliable import PromoteReliable

__all__ = ["DistractorAware", "PromoteReliable", "Sam2"]

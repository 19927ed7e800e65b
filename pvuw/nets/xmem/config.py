"""How XMem is run over videos: what memory keeps, at which size frames enter, as published."""

from dataclasses import dataclass, replace
from typing import Literal

from pvuw.nets.matching.framing import SizePolicy

Preset = Literal["mose", "mose_2022", "working_memory"]


@dataclass(frozen=True)
class XMemConfig:
    """What enters working memory, how much stays there, and what long-term memory keeps of it."""

    mem_every: int = 5
    """Frames from one memory frame to the next; a prompted frame always is one."""
    top_k: int = 30
    """Cells of memory that each cell of a frame reads."""
    deep_update_every: int | None = None
    """Frames from one deep update of sensory memory to the next; null: with every memory frame."""
    long_term: bool = True
    """Condense old working memory into prototypes, which keeps memory constant."""
    min_frames: int = 5
    """Frames working memory keeps when it is condensed: the first, and the latest others."""
    max_frames: int = 10
    """Frames in working memory at which it is condensed."""
    num_prototypes: int = 128
    """Cells a condensation leaves for long-term memory."""
    max_long_term: int = 10000
    """Most cells in long-term memory; the least used make room."""
    max_working_frames: int | None = None
    """Without long-term memory: most frames kept, the first and the latest others. null is what
    was published, and grows for ever."""

    def __post_init__(self) -> None:
        """Refuse values that have no meaning."""
        for name in ("mem_every", "top_k", "num_prototypes", "min_frames"):
            if getattr(self, name) < 1:
                raise ValueError(f"memory.{name} must be at least 1, got {getattr(self, name)}")
        if self.max_frames <= self.min_frames:
            raise ValueError(
                f"memory.max_frames must be above min_frames {self.min_frames}, "
                f"got {self.max_frames}"
            )
        if self.max_long_term <= self.num_prototypes:
            raise ValueError(
                f"memory.max_long_term must be above num_prototypes {self.num_prototypes}, "
                f"got {self.max_long_term}"
            )
        if self.max_working_frames is not None and self.max_working_frames < 2:
            raise ValueError(
                f"memory.max_working_frames must be at least 2, got {self.max_working_frames}"
            )


_SIZE = SizePolicy(480, enlarge=True, mask_resize="nearest")
PRESETS: dict[Preset, tuple[XMemConfig, SizePolicy]] = {
    "mose": (XMemConfig(), _SIZE),
    "mose_2022": (XMemConfig(), replace(_SIZE, antialias=False)),
    "working_memory": (XMemConfig(long_term=False), _SIZE),
}
"""What is kept in memory, and at which size frames enter (masks as PyTorch's `nearest` resizes
them): the published evaluation script, eval.py at XMem `f3b841d`."""

"""How XMem keeps memory while it runs over a video, and at which size it sees frames."""

from dataclasses import dataclass

from pvuw.nets.matching.framing import SizePolicy


@dataclass(frozen=True)
class MemoryConfig:
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


MOSE = MemoryConfig()
"""What the evaluation script uses for any data set it does not know by name, MOSE among them."""
DAVIS = MOSE
"""What it uses for DAVIS and YouTube-VOS: the same."""
WORKING_ONLY = MemoryConfig(long_term=False)
"""Its `--disable_long_term`: every memory frame is kept."""

SIZES = SizePolicy(shorter_side=480, enlarge=True, antialias=True, mask_resize="nearest")
"""Frames at 480 pixels, enlarged too, as the evaluation script runs under today's torchvision."""
PAPER_SIZES = SizePolicy(shorter_side=480, enlarge=True, antialias=False, mask_resize="nearest")
"""The same under the torchvision of the paper's time."""

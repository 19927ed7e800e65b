"""Sizes of SAM 3's tracker."""

from dataclasses import dataclass, field

from pvuw.errors import PvuwError


@dataclass(frozen=True)
class TrunkConfig:
    """Size of the image trunk; defaults are the release's."""

    width: int = 1024
    depth: int = 32
    heads: int = 16
    hidden: int = 4736
    """Width inside the two layers of a block."""
    patch: int = 14
    """Pixels from one token to the next."""
    window: int = 24
    """Tokens along the side of a window, and of the map in pre-training."""
    tile: int = 24
    """Tokens along the side of the table of absolute positions."""
    global_blocks: tuple[int, ...] = (7, 15, 23, 31)
    """Blocks that look at the whole map and not at windows."""
    drop_path: float = 0.1
    """In training, share of images that skip the last block; earlier ones are skipped less."""


@dataclass(frozen=True)
class TrackerConfig:
    """Size of the tracker around a trunk; defaults are the release's."""

    trunk: TrunkConfig = field(default_factory=TrunkConfig)
    image_size: int = 1008
    """Side of the square frames are resized to where a recipe says nothing else, in pixels."""
    width: int = 256
    """Channels of the features that memory works on."""
    memory_width: int = 64
    """Channels of a memory map."""
    memory_layers: int = 4
    """Layers of memory attention."""
    memory_hidden: int = 2048
    """Width inside the two layers of each."""
    memory_dropout: float = 0.1
    """Dropout in memory attention while training."""
    fuser_layers: int = 2
    """Blocks that join mask and image in the memory encoder."""
    fuser_scale: float = 1e-6
    """Strength those blocks begin training with."""
    several_masks: bool = True
    """Track with the best of three candidate masks, not with one."""


_NANO = TrackerConfig(
    trunk=TrunkConfig(
        width=64,
        depth=4,
        heads=2,
        hidden=128,
        window=4,
        tile=4,
        global_blocks=(1, 3),
        drop_path=0.0,
    ),
    image_size=112,
    width=128,
    memory_width=64,
    memory_layers=2,
    memory_hidden=128,
    memory_dropout=0.0,
    fuser_layers=1,
    fuser_scale=1.0,
    several_masks=False,
)
"""As SAM 2's nano: no dropout, fuser blocks at full strength, one candidate while tracking, because
from scratch one of three runs away with the mask loss (docs/losses.md)."""

SIZES = {"nano": _NANO, "official": TrackerConfig()}
"""All sizes by name."""


def config_of(size: str) -> TrackerConfig:
    """The size of a name.

    Raises:
        PvuwError: If there is none.
    """
    if size not in SIZES:
        raise PvuwError(f"size must be one of {', '.join(SIZES)}, got {size!r}")
    return SIZES[size]

"""Sizes of ReferDINO."""

from dataclasses import dataclass, field

from pvuw.errors import PvuwError


@dataclass(frozen=True)
class SwinSize:
    """Size of the image encoder (Swin); defaults are Swin-T's."""

    width: int = 96
    """Channels of the finest map; each of the next three has twice as many."""
    depths: tuple[int, ...] = (2, 2, 6, 2)
    """Blocks of each of the four stages."""
    heads: tuple[int, ...] = (3, 6, 12, 24)
    window: int = 7
    """Cells along the side of a window."""


@dataclass(frozen=True)
class BertSize:
    """Size of the text encoder (BERT); defaults are BERT-base's."""

    vocabulary: int = 30522
    """Words and parts of words it knows."""
    width: int = 768
    layers: int = 12
    heads: int = 12
    hidden: int = 3072


@dataclass(frozen=True)
class ReferDinoConfig:
    """Size of the network; defaults are the release's with Swin-T."""

    swin: SwinSize = field(default_factory=SwinSize)
    bert: BertSize = field(default_factory=BertSize)
    width: int = 256
    """Channels of everything behind the two encoders, a multiple of 128."""
    heads: int = 8
    hidden: int = 2048
    """Width inside the layers of the fusion encoder and the decoder."""
    encoder_layers: int = 6
    decoder_layers: int = 6
    queries: int = 900
    """Objects a frame is first searched for; after every layer of the decoder half stay."""
    temporal_layers: int = 3
    temporal_hidden: int = 2048
    mask_layers: int = 3
    mask_points: int = 16
    """Places that each head of the mask decoder looks at."""
    mask_hidden: int = 1024
    short_side: int = 360
    """Pixels that the shorter side of a frame is resized to."""
    lora_rank: int = 32
    """Rank of the adapters in published files."""

    @property
    def kept_queries(self) -> int:
        """Objects left after the decoder."""
        kept = self.queries
        for _ in range(self.decoder_layers):
            kept = -(-kept // 2)
        return kept


_SWINB = SwinSize(width=128, depths=(2, 2, 18, 2), heads=(4, 8, 16, 32), window=12)
_NANO = ReferDinoConfig(
    swin=SwinSize(width=24, depths=(1, 1, 2, 1), heads=(1, 2, 4, 8), window=4),
    bert=BertSize(vocabulary=512, width=64, layers=2, heads=4, hidden=128),
    width=128,
    heads=4,
    hidden=128,
    encoder_layers=2,
    decoder_layers=3,
    queries=32,
    temporal_layers=1,
    temporal_hidden=128,
    mask_layers=1,
    mask_points=4,
    mask_hidden=128,
    short_side=96,
    lora_rank=4,
)

SIZES = {"nano": _NANO, "swint": ReferDinoConfig(), "swinb": ReferDinoConfig(swin=_SWINB)}
"""All sizes by name."""


def config_of(size: str) -> ReferDinoConfig:
    """The size of a name.

    Raises:
        PvuwError: If there is none.
    """
    if size not in SIZES:
        raise PvuwError(f"size must be one of {', '.join(SIZES)}, got {size!r}")
    return SIZES[size]

"""How the chosen videos are written: the `build` part of the YAML file."""

from dataclasses import dataclass

from pvuw.errors import DataError

LINK, SYMLINK, ENCODE = "link", "symlink", "encode"


@dataclass(frozen=True, kw_only=True)
class BuildConfig:
    """How frames get into the build, and which videos validate."""

    frames: str = LINK
    """`link`: hard links, no space and no change, on one file system; `symlink`: symbolic links;
    `encode`: new JPEGs. Frames that are no JPEGs or must be resized are encoded in any case."""
    short_side: int | None = None
    """Pixels of the shorter side; larger frames are reduced to it, smaller ones stay. None: all
    frames keep their size."""
    quality: int = 95
    """JPEG quality of encoded frames, 1..100."""
    valid_share: float = 0.0
    """Share of the reference's videos that are held out for validation, 0..0.5."""
    seed: int = 0
    """Decides which."""

    def __post_init__(self) -> None:
        """Check what no type can say.

        Raises:
            DataError: If a value is out of range.
        """
        if self.frames not in (LINK, SYMLINK, ENCODE):
            raise DataError(
                f"frames: must be {LINK}, {SYMLINK} or {ENCODE}, got {self.frames!r}; correct it"
            )
        if self.short_side is not None and self.short_side < 16:
            raise DataError(f"short_side: must be at least 16, got {self.short_side}; correct it")
        if not 1 <= self.quality <= 100:
            raise DataError(f"quality: must be in 1..100, got {self.quality}; correct it")
        if not 0 <= self.valid_share <= 0.5:
            raise DataError(
                f"valid_share: must be in 0..0.5, got {self.valid_share}; 0.05 holds out a "
                "twentieth of the reference"
            )

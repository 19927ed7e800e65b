"""MOSE version 1 (Ding et al., 2023) and version 2 (Ding et al., 2025)."""

from pathlib import Path
from typing import ClassVar

from pvuw.sources.base import SourceFacts
from pvuw.sources.folders import FolderReader

LICENCE = "CC BY-NC-SA 4.0, non-commercial research only"
V1 = SourceFacts("mose", LICENCE, fps=5.0, prompt_splits=("valid", "test"))
V2 = SourceFacts("mose_v2", LICENCE, fps=5.0, prompt_splits=("valid", "test"))


class MoseReader(FolderReader):
    """Reads `<root>/<split>/{JPEGImages,Annotations}/<video>/<frame>.{jpg,png}`.

    `<root>/{JPEGImages,Annotations}` without a split folder is accepted too: that is how a MOSE+
    build is laid out.

    Args:
        facts: `V1` or `V2`.
        root: Folder of the download.
        split: `train`, `valid` or `test`.
        exclude: Video ids to leave out.
    """

    tree: ClassVar[str] = "<root>/<split>/{JPEGImages,Annotations}/<video>/00000.{jpg,png}"

    def base(self) -> Path:
        """Return the folder that holds images and masks of the split."""
        base = super().base()
        built = not base.is_dir() and (self.root / "JPEGImages").is_dir()
        return self.root if built else base

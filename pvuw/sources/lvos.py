"""LVOS versions 1 and 2 (Hong et al., 2023 and 2024): long videos."""

from collections.abc import Sequence
from typing import ClassVar

from pvuw.io.text import read_json
from pvuw.sources.base import SourceFacts
from pvuw.sources.folders import FolderReader
from pvuw.sources.json_file import member

FACTS = SourceFacts("lvos", "CC BY 4.0", fps=6.0, prompt_splits=("test",))


class LVOSReader(FolderReader):
    """Reads `<root>/<split>/{JPEGImages,Annotations}/<video>/00000001.{jpg,png}`.

    File names are numbers of eight digits that start anywhere and step by about six; they order the
    frames and nothing else. `<split>_meta.json`, where it lies beside, names the videos; its frame
    ranges are not used, because the masks say when an object is visible.

    Args:
        facts: `FACTS`.
        root: Folder of the download.
        split: `train`, `val` or `test`.
        exclude: Video ids to leave out.
    """

    tree: ClassVar[str] = "<root>/<split>/{JPEGImages,Annotations}/<video>/00000001.{jpg,png}"

    def listed_ids(self) -> Sequence[str] | None:
        """Return the videos of `<split>_meta.json`, or None where the download has none."""
        path = self.root / self.split / f"{self.split}_meta.json"
        if not path.exists():
            return None
        return sorted(member(read_json(path), "videos", place=str(path), kind=dict))

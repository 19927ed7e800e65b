"""DAVIS 2016 (Perazzi et al., 2016) and DAVIS 2017 (Pont-Tuset et al., 2017)."""

from collections.abc import Collection, Sequence
from pathlib import Path

from pvuw.errors import DataError
from pvuw.io.text import read_ids
from pvuw.sources.base import SourceFacts, first_existing, require_folder
from pvuw.sources.folders import FolderReader

LICENCE = "BSD 3-Clause"
YEAR_2016 = SourceFacts("davis_2016", LICENCE, fps=24.0)
YEAR_2017 = SourceFacts(
    "davis_2017", LICENCE, fps=24.0, prompt_splits=("test-dev", "test-challenge")
)
_FOLDERS = {YEAR_2016.name: ("480p", "1080p"), YEAR_2017.name: ("480p", "Full-Resolution")}


class DavisReader(FolderReader):
    """Reads `<root>/{JPEGImages,Annotations}/<resolution>/<sequence>/00000.{jpg,png}`.

    Sequences come from `ImageSets/2017/<split>.txt`, one name a line, or, for 2016, from
    `ImageSets/<resolution>/<split>.txt` (also `ImageSets/2016/`), one image and mask a line. Value
    255 of a palette mask is void. The masks of 2016 are grayscale, 0 and 255, where 255 is the one
    object.

    Args:
        facts: `YEAR_2016` or `YEAR_2017`.
        root: Folder that holds `JPEGImages`.
        split: `train` or `val`; in 2017 also `test-dev` and `test-challenge`.
        exclude: Sequences to leave out.
        resolution: `480p` or the folder of full-size images.
    """

    def __init__(
        self,
        facts: SourceFacts,
        root: Path,
        *,
        split: str = "train",
        exclude: Collection[str] = (),
        resolution: str = "480p",
    ) -> None:
        super().__init__(facts, root, split=split, exclude=exclude)
        known = _FOLDERS[facts.name]
        if resolution not in known:
            raise DataError(
                f"{root}: {facts.name} has no resolution {resolution!r}; set `variant` to "
                f"{' or '.join(known)}"
            )
        self.resolution = resolution

    def folders(self) -> tuple[Path, Path]:
        """Return the folder of images and the folder of masks."""
        tree = f"<root>/{{JPEGImages,Annotations}}/{self.resolution}/<sequence>"
        return (
            require_folder(self.root / "JPEGImages" / self.resolution, tree=tree),
            require_folder(self.root / "Annotations" / self.resolution, tree=tree),
        )

    def listed_ids(self) -> Sequence[str]:
        """Return the sequences the official list of the split names."""
        year = self.facts.name.removeprefix("davis_")
        sets = self.root / "ImageSets"
        candidates = [sets / year / f"{self.split}.txt"]
        if self.facts.name == YEAR_2016.name:
            candidates.append(sets / self.resolution / f"{self.split}.txt")
        path = first_existing(candidates, tree="the official list of the split")
        return sorted({_sequence_of(line) for line in read_ids(path)})


def _sequence_of(line: str) -> str:
    """Return the sequence a line of a list is about.

    Example:
        >>> _sequence_of("/JPEGImages/480p/bear/00000.jpg /Annotations/480p/bear/00000.png")
        'bear'
    """
    first = line.split()[0]
    return Path(first).parent.name if "/" in first else first

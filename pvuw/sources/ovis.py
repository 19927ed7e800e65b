"""OVIS (Qi et al., 2022): crowded scenes with an occlusion label for each object and frame."""

from pathlib import Path

from pvuw.sources.base import SourceFacts, first_existing
from pvuw.sources.vis import VisReader

FACTS = SourceFacts(
    "ovis",
    "CC BY-NC-SA 4.0, non-commercial research only; the terms shown at the download decide",
    # The published totals: 296k masks, 4.72 in a frame, 901 videos of 12.77 s on average.
    fps=5.5,
    exhaustive=True,
)


class OvisReader(VisReader):
    """Reads `<root>/annotations_<split>.json` and `<root>/<split>/<video>/img_0000001.jpg`.

    File names count from 1, positions from 0. The JSON file may also lie in `annotations/`, the
    frames under `Images/<split>`. Only `train` has public masks.

    Args:
        facts: `FACTS`.
        root: Folder of the download.
        split: `train`.
        exclude: Video ids to leave out.
    """

    tree = "<root>/annotations_<split>.json and <root>/<split>/<video>/img_0000001.jpg"

    def json_path(self) -> Path:
        """Return the annotation file of the split."""
        name = f"annotations_{self.split}.json"
        return first_existing([self.root / name, self.root / "annotations" / name], tree=self.tree)

    def image_folder(self) -> Path:
        """Return the folder the file names of the frames start from."""
        folders = [self.root / self.split, self.root / "Images" / self.split]
        return first_existing(folders, tree=self.tree)

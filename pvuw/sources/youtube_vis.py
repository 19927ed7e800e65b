"""YouTube-VIS (Yang et al., 2019), editions 2019, 2021 and 2022."""

from pathlib import Path

from pvuw.sources.base import SourceFacts, first_existing
from pvuw.sources.vis import VisReader

_LICENCE = (
    "annotations CC BY 4.0; videos for non-commercial research only; the terms shown at the "
    "download decide"
)
EDITION_2019 = SourceFacts("youtube_vis_2019", _LICENCE, fps=6.0, exhaustive=True)
EDITION_2021 = SourceFacts("youtube_vis_2021", _LICENCE, fps=6.0, exhaustive=True)
EDITION_2022 = SourceFacts("youtube_vis_2022", _LICENCE, fps=6.0, exhaustive=True)


class YouTubeVISReader(VisReader):
    """Reads `<root>/<split>/JPEGImages/<video>/00005.jpg` and one JSON file.

    The file is `<root>/<split>.json` in 2019 and `<root>/<split>/instances.json` in 2021 and 2022;
    every edition accepts both. Class ids differ between editions, so records carry class names.
    Only `train` has public masks; that of 2022 is that of 2021.

    Args:
        facts: `EDITION_2019`, `EDITION_2021` or `EDITION_2022`.
        root: Folder of the download.
        split: `train`.
        exclude: Video ids to leave out.
    """

    tree = "<root>/<split>/JPEGImages/<video>/00000.jpg and <split>.json or <split>/instances.json"

    def json_path(self) -> Path:
        """Return the annotation file of the split."""
        folder = self.root / self.split
        paths = [self.root / f"{self.split}.json", folder / "instances.json"]
        paths.append(folder / f"{self.split}.json")
        return first_existing(paths, tree=self.tree)

    def image_folder(self) -> Path:
        """Return the folder the file names of the frames start from."""
        return self.root / self.split / "JPEGImages"

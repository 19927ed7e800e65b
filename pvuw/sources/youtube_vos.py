"""YouTube-VOS (Xu et al., 2018), editions 2018 and 2019."""

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from pvuw.io.text import read_json
from pvuw.sources.base import SourceFacts
from pvuw.sources.folders import FolderReader
from pvuw.sources.json_file import member

FACTS = SourceFacts(
    "youtube_vos",
    "annotations CC BY 4.0; videos for non-commercial research only; the terms shown at the "
    "download decide",
    fps=6.0,
    prompt_splits=("valid", "test"),
)


class YouTubeVOSReader(FolderReader):
    """Reads `<root>/<split>/{JPEGImages,Annotations}/<video>/00005.{jpg,png}` and `meta.json`.

    `meta.json` names the videos and the class of each object. Which object is visible where comes
    from the masks: frame numbers skip, and objects enter late. In `valid` a mask exists only where
    an object enters, and shows the entering objects only.

    Args:
        facts: `FACTS`.
        root: Folder of the download.
        split: `train` or `valid`.
        exclude: Video ids to leave out.
    """

    tree: ClassVar[str] = (
        "<root>/<split>/{JPEGImages,Annotations}/<video> and <root>/<split>/meta.json"
    )

    def listed_ids(self) -> Sequence[str]:
        """Return the videos `meta.json` names."""
        return sorted(self._videos)

    def categories(self, video_id: str) -> Mapping[int, str]:
        """Return the class name of each pixel value of a video."""
        place = f"{self._meta_path}: video {video_id!r}"
        video = self._videos.get(video_id)
        objects = member(video, "objects", place=place, kind=dict)
        return {
            int(value): member(entry, "category", place=f"{place}, object {value!r}", kind=str)
            for value, entry in objects.items()
        }

    @property
    def _meta_path(self) -> Path:
        return self.root / self.split / "meta.json"

    @functools.cached_property
    def _videos(self) -> dict[str, Any]:
        videos: dict[str, Any] = member(
            read_json(self._meta_path), "videos", place=str(self._meta_path), kind=dict
        )
        return videos

"""How a video is named across sources."""

from typing import NamedTuple


class VideoKey(NamedTuple):
    """One video of one split of one source; unique, sortable, printed as `ovis/train/2524877a`."""

    source: str
    split: str
    video_id: str

    def __str__(self) -> str:
        return "/".join(self)

"""Which training videos validate instead: some of them, or those that SAM 2's authors held out."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from datamodules.datasets.videos import spread
from pvuw.errors import DataError
from pvuw.io.listing import raise_lines
from pvuw.io.videos import Video

HoldOut = int | float | Literal["sam2"]
"""A number of videos, a share of them, or the published lists."""
_FOLDER = Path(__file__).parent


def sam2_ids(part: Literal["train", "held_out"]) -> list[str]:
    """Return ids of MOSE v1's train split: the 1246 SAM 2's recipe trains on, or the 200 it scores.

    They are those of `training/assets/MOSE_sample_{train,val}_list.txt` in facebookresearch/sam2
    (2b90b9f), sorted. The 61 videos of the split that neither list has are not used.

    Example:
        >>> len(sam2_ids("train")), len(sam2_ids("held_out"))
        (1246, 200)
    """
    return (_FOLDER / f"sam2_{part}.txt").read_text(encoding="ascii").split()


def check_hold_out(hold_out: HoldOut) -> None:
    """Refuse what is neither a number of videos nor a share of them.

    Raises:
        ValueError: If it is below 0, or a share above 1.
    """
    if isinstance(hold_out, float) and not 0 <= hold_out < 1:
        raise ValueError(
            f"data.hold_out: a share of the training videos is from 0 to 1, got {hold_out}"
        )
    if isinstance(hold_out, int) and hold_out < 0:
        raise ValueError(f"data.hold_out must be at least 0, got {hold_out}")


def split(videos: Sequence[Video], hold_out: HoldOut) -> tuple[list[Video], list[Video]]:
    """Return the videos to train on and those held out to be scored.

    Args:
        videos: Of the training split, sorted.
        hold_out: How many of them, evenly spread, are held out; as a share, at least one.

    Raises:
        DataError: If none would be left to train on, or a published list names one that is missing.
    """
    if hold_out == "sam2":
        return _by_lists(videos)
    count = hold_out if isinstance(hold_out, int) else _of_share(hold_out, len(videos))
    if count == 0:
        return list(videos), []
    if count >= len(videos):
        raise DataError(
            f"data.hold_out: {count} of {len(videos)} training videos leave none to train on; "
            "lower it, or name what to validate on (data.hold_out 0)"
        )
    held = spread(videos, count)
    chosen = set(map(id, held))
    return [video for video in videos if id(video) not in chosen], held


def _of_share(share: float, num_videos: int) -> int:
    return max(round(share * num_videos), 1) if share else 0


def _by_lists(videos: Sequence[Video]) -> tuple[list[Video], list[Video]]:
    present = {video.video_id: video for video in videos}
    train, held = sam2_ids("train"), sam2_ids("held_out")
    raise_lines(
        [
            f"data.hold_out sam2: video {video_id!r} of the published lists is not among the "
            f"{len(present)} training videos; complete MOSE's train, or hold out a number of them"
            for video_id in sorted({*train, *held} - present.keys())
        ]
    )
    return [present[i] for i in train], [present[i] for i in held]

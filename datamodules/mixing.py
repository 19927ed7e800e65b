"""The sources of MOSE+ as pools of training videos: read in place, or out of a build."""

import warnings
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from datamodules.build_index import MANIFEST, read_build
from datamodules.clip_order import Pool
from datamodules.datasets.clip_sources import clip_video, is_too_little
from pvuw.errors import DataError
from pvuw.io.records import VideoRecord
from pvuw.io.videos import Video
from pvuw.sources import SourceSpec
from pvuw.sources.index import load_records

REFERENCE_FPS = 6.0
"""Annotated frames per second that `clip.stride` is meant for; that of most sources."""

V = TypeVar("V", Video, VideoRecord)
TrainPool = tuple[Pool, Sequence[Video]]
"""Videos, and what they share of an epoch."""


@dataclass
class TrainSource:
    """One source read where it lies (docs/sources.md has the names and trees).

    Args:
        source: Name of the source, `ovis` for example.
        root: Folder of the download.
        split: Part of the source.
        variant: DAVIS: folder of the resolution; SA-V train: `manual` or `auto`.
        exclude: Video ids to leave out: evaluation videos, and what another source has too.
        weight: Its part of every epoch is its weight over the sum of all; give it for all sources
            or for none. Without, every video of every source comes equally often.
        stride_factor: `clip.stride` is multiplied by it; default: annotated frames per second over
            6, rounded, at least 1 (DAVIS: 4, all others: 1).
    """

    source: str
    root: Path
    split: str = "train"
    variant: str | None = None
    exclude: list[str] = field(default_factory=list)
    weight: float | None = None
    stride_factor: int | None = None

    def __post_init__(self) -> None:
        if self.weight is not None and self.weight <= 0:
            raise ValueError(f"weight of {self.source} must be above 0, got {self.weight}")
        if self.stride_factor is not None and self.stride_factor < 1:
            raise ValueError(
                f"stride_factor of {self.source} must be at least 1, got {self.stride_factor}"
            )

    def records(self, *, index: Path | None, workers: int) -> list[VideoRecord]:
        """Return its videos; see `load_records`."""
        spec = SourceSpec(self.source, self.root, self.split, self.variant, self.exclude)
        return load_records(spec, cache_dir=index, workers=workers)


def require_weights(sources: Sequence[TrainSource]) -> None:
    """Return nothing if all sources have a weight, or none.

    Raises:
        DataError: If some have one and others not.
    """
    without = [source.source for source in sources if source.weight is None]
    if without and len(without) < len(sources):
        raise DataError(
            f"data.sources: {', '.join(without)} without a weight beside others with one; give a "
            "weight for all or for none"
        )


def stride_factor(fps: float | None) -> int:
    """Return how many times as many frames a second a source has as `clip.stride` is meant for.

    Example:
        >>> stride_factor(24.0), stride_factor(5.5), stride_factor(None)
        (4, 1, 1)
    """
    return 1 if fps is None else max(1, round(fps / REFERENCE_FPS))


def pools_in_place(
    sources: Sequence[TrainSource], *, num_frames: int, index: Path | None, workers: int
) -> list[TrainPool]:
    """Return a pool for each source.

    Args:
        sources: What to train on.
        num_frames: Frames of a clip; shorter videos are left out with a warning.
        index: Folder of the index files; None: list everything anew.
        workers: Processes that list folders.

    Raises:
        DataError: If a source cannot be read, holds nothing to train on, or some sources have a
            weight and others none.
    """
    require_weights(sources)
    pools: list[TrainPool] = []
    for source in sources:
        name = f"{source.source} {source.split}"
        records = source.records(index=index, workers=workers)
        kept = long_enough(records, num_frames, name=name)
        videos = [clip_video(record) for record in kept]
        factor = source.stride_factor or stride_factor(records[0].fps)
        pools.append((Pool(name, len(videos), source.weight, factor), videos))
    return pools


def pools_of_build(
    root: Path, *, weights: Mapping[str, float] | None, num_frames: int
) -> list[TrainPool]:
    """Return a pool for each source (and frame rate) of a build.

    Args:
        root: Folder that `pvuw mose-plus` built.
        weights: Part of each source in every epoch, relative to the sum; None: every video comes
            equally often.
        num_frames: Frames of a clip; shorter videos are left out with a warning.

    Raises:
        DataError: If manifest, folders and weights do not fit each other.
    """
    built = read_build(root)
    origins = {item.video.video_id: (item.source, stride_factor(item.fps)) for item in built}
    groups: defaultdict[tuple[str, int], list[Video]] = defaultdict(list)
    for video in long_enough([item.video for item in built], num_frames, name=str(root)):
        groups[origins[video.video_id]].append(video)
    shares = _shares_of_groups(groups, weights, root / MANIFEST)
    return [
        (Pool(source, len(group), shares.get((source, factor)), factor), group)
        for (source, factor), group in sorted(groups.items())
    ]


def long_enough(videos: Iterable[V], num_frames: int, *, name: str) -> list[V]:
    """Return the videos a clip fits into, warning of the others; broken ones stay in.

    Args:
        videos: Of one source.
        num_frames: Frames of a clip.
        name: Of the source, for messages.

    Raises:
        DataError: If none is left.
    """
    videos = list(videos)
    kept = [video for video in videos if not is_too_little(video, num_frames)]
    if not kept:
        raise DataError(
            f"{name}: none of {len(videos)} videos has {num_frames} frames with masks and an "
            "object; lower data.clip.num_frames or remove the source"
        )
    if left_out := len(videos) - len(kept):
        warnings.warn(
            f"{name}: {left_out} of {len(videos)} videos are left out, with fewer than "
            f"{num_frames} frames with masks (data.clip.num_frames) or without any object",
            stacklevel=2,
        )
    return kept


def _shares_of_groups(
    groups: Mapping[tuple[str, int], Sequence[Video]],
    weights: Mapping[str, float] | None,
    manifest: Path,
) -> dict[tuple[str, int], float]:
    """Return the weight of each group: its source's, divided by videos where it has several."""
    if weights is None:
        return {}
    totals: defaultdict[str, int] = defaultdict(int)
    for (source, _), group in groups.items():
        totals[source] += len(group)
    if set(weights) != set(totals) or min(weights.values()) <= 0:
        raise DataError(
            f"data.weights: must be above 0 for each source in {manifest} ({', '.join(totals)}), "
            f"got {dict(weights)}; name all of them or none"
        )
    return {
        (source, factor): weights[source] * len(group) / totals[source]
        for (source, factor), group in groups.items()
    }

"""One pass over the masks of a video, frame by frame, in memory that does not grow with it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pvuw.errors import DataError
from pvuw.io.mask_store import OcclusionLevel
from pvuw.io.records import VideoRecord
from pvuw.traits.appearance import (
    ColourAndTexture,
    ObjectDescriptor,
    largest_similarity,
    masks_at_size,
)
from pvuw.traits.change import AreaCollapse, Motion
from pvuw.traits.layout import box_occlusion_rate, crowding
from pvuw.traits.pixels import read_reduced
from pvuw.traits.presence import PresenceTracker
from pvuw.traits.shapes import FrameShapes, shapes_of_id_map
from pvuw.traits.video_traits import VideoTraits

SMALL_AREA = 0.01
APPEARANCE_SIDE = 240
_OCCLUSION_SCORE = {
    OcclusionLevel.NONE: 0.0,
    OcclusionLevel.SLIGHT: 0.25,
    OcclusionLevel.SEVERE: 0.75,
}


@dataclass
class Average:
    """Mean and largest of the values it was given."""

    total: float = 0.0
    count: int = 0
    largest: float | None = None

    def add(self, value: float) -> None:
        """Take one more value."""
        self.total += value
        self.count += 1
        self.largest = value if self.largest is None else max(self.largest, value)

    @property
    def mean(self) -> float | None:
        """Mean of the values; None without one."""
        return self.total / self.count if self.count else None


@dataclass
class OcclusionLabels:
    """How often each object had each of OVIS's occlusion labels."""

    counts: dict[int, Counter[OcclusionLevel]] = field(default_factory=dict)

    def update(self, levels: Mapping[int, OcclusionLevel]) -> None:
        """Take the labels of the next annotated frame by object id."""
        for object_id, level in levels.items():
            self.counts.setdefault(object_id, Counter())[level] += 1

    @property
    def mean(self) -> float | None:
        """Score of the video, 0..0.75; None without labels.

        No, slight and severe occlusion count 0, 0.25 and 0.75; an object scores the mean over the
        more occluded half of its frames (rounded up), the video the mean over its objects. That is
        how the OVIS evaluation code splits objects into three levels of occlusion.
        """
        objects = Average()
        for counts in self.counts.values():
            scores = sorted((_OCCLUSION_SCORE[i] for i in counts.elements()), reverse=True)
            half = scores[: -(-len(scores) // 2)]
            objects.add(sum(half) / len(half))
        return objects.mean


class TraitMeter:
    """Measures the traits that follow from masks alone, one annotated frame after the other.

    Args:
        fps: Annotated frames per second; None if unknown.
    """

    def __init__(self, fps: float | None) -> None:
        self.presence = PresenceTracker()
        self.collapse = AreaCollapse(fps)
        self.motion = Motion(fps)
        self.objects = Average()
        self.occlusion = Average()
        self.crowding = Average()
        self.small = Average()

    def update(self, shapes: FrameShapes) -> None:
        """Take the next annotated frame."""
        self.presence.update(shapes.object_ids)
        self.collapse.update(shapes)
        self.motion.update(shapes)
        self.objects.add(len(shapes.object_ids))
        if not shapes.object_ids:
            return
        self.occlusion.add(box_occlusion_rate(shapes))
        self.crowding.add(crowding(shapes))
        for share in shapes.areas / (shapes.size_hw[0] * shapes.size_hw[1]):
            self.small.add(float(share < SMALL_AREA))


def measure_traits(
    record: VideoRecord,
    *,
    appearance_frames: int = 12,
    descriptor: ObjectDescriptor | None = None,
) -> VideoTraits:
    """Return the traits of a video.

    The masks are read as id maps, so an object hidden by another one's mask counts as hidden, as it
    will be in a built data set.

    Args:
        record: The video.
        appearance_frames: Frames, spread evenly, on which objects are compared by their looks.
        descriptor: What compares them; default: colour and texture statistics.

    Raises:
        DataError: If a mask or frame cannot be read, or the masks only introduce objects.
    """
    if record.prompts_only:
        raise DataError(
            f"{record.frame_dir}: the masks of split {record.split!r} only introduce objects, an "
            "evaluation split; use the split with all masks"
        )
    meter, labels = TraitMeter(record.fps), OcclusionLabels()
    similarity, score = Average(), Average()
    looked_at = _spread(record.annotated, appearance_frames)
    for frame_idx in record.annotated:
        id_map = record.read_id_map(frame_idx)
        shapes = shapes_of_id_map(id_map)
        meter.update(shapes)
        labels.update(record.occlusions(frame_idx))
        for quality in record.qualities(frame_idx).values():
            score.add(quality.score)
        if frame_idx in looked_at and len(shapes.object_ids) > 1:
            _compare_looks(record, frame_idx, id_map, descriptor or ColourAndTexture(), similarity)
    return _traits(record, meter, similarity.mean, labels.mean, score.mean)


def same_category_share(categories: Sequence[str | None]) -> float | None:
    """Return the share of objects whose category another object has too.

    Args:
        categories: Category of each object.

    Returns:
        0..1, or None if there is no object or one has no category.

    Example:
        >>> same_category_share(["dog", "dog", "person"])
        0.6666666666666666
    """
    if not categories or None in categories:
        return None
    counts = Counter(categories)
    return sum(n for n in counts.values() if n > 1) / len(categories)


def _spread(positions: Sequence[int], count: int) -> frozenset[int]:
    """Return up to `count` of the positions, evenly spread, first and last included."""
    chosen = np.linspace(0, len(positions) - 1, min(count, len(positions))).round().astype(int)
    return frozenset(positions[i] for i in chosen)


def _compare_looks(
    record: VideoRecord,
    frame_idx: int,
    id_map: NDArray[np.uint8],
    descriptor: ObjectDescriptor,
    similarity: Average,
) -> None:
    path = record.frame_dir / record.frame_files[frame_idx]
    frame = read_reduced(path, "RGB", min_side=APPEARANCE_SIDE)
    masks = masks_at_size(id_map, (frame.shape[0], frame.shape[1]))
    if len(masks) > 1:
        similarity.add(largest_similarity(descriptor(frame, masks)))


def _traits(
    record: VideoRecord,
    meter: TraitMeter,
    similarity: float | None,
    occlusion_label: float | None,
    mask_score: float | None,
) -> VideoTraits:
    presence, gaps = meter.presence, meter.presence.gaps
    seen = presence.objects.keys()
    return VideoTraits(
        source=record.source,
        split=record.split,
        video_id=record.video_id,
        num_frames=len(record.annotated),
        fps=record.fps,
        size_hw=record.size_hw,
        num_objects=len(seen),
        objects_per_frame=meter.objects.mean or 0.0,
        max_objects=int(meter.objects.largest or 0),
        bor_mean=meter.occlusion.mean,
        bor_max=meter.occlusion.largest,
        crowding=meter.crowding.mean,
        area_collapse=meter.collapse.mean,
        motion=meter.motion.mean,
        disappearance_rate=presence.disappearance_rate,
        reappearance_rate=presence.reappearance_rate,
        disappearances=presence.disappearances,
        reappearances=presence.reappearances,
        gap_frames=sum(gaps) / len(gaps) if gaps else None,
        longest_gap_frames=max(gaps) if gaps else None,
        small_share=meter.small.mean,
        similarity=similarity,
        same_category_share=same_category_share(
            [info.category for info in record.objects if info.object_id in seen]
        ),
        occlusion_label=occlusion_label,
        mask_score=mask_score,
    )

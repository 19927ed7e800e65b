"""Refusals put into groups that a person can act on."""

from collections.abc import Iterable
from dataclasses import dataclass

from pvuw.mose_plus.build.manifest import ManifestEntry
from pvuw.mose_plus.build.summary import NOT_BUILT
from pvuw.mose_plus.select.decision import Decision


@dataclass(frozen=True, slots=True)
class ReasonGroup:
    """Why videos were refused, in general."""

    title: str
    meaning: str
    """What it is about, and which setting decides it."""
    starts: tuple[str, ...] = ()
    """How the reasons of its videos begin; see `refusals.py` and `selection.py`."""


UNREADABLE = ReasonGroup(
    "could not be read",
    "A frame or mask is missing or damaged. The reason names the file; repair it, or list the "
    "video under `exclude`.",
    (NOT_BUILT,),
)
EVALUATION = ReasonGroup(
    "evaluation video or copy of one",
    "Its id is on a list under `evaluation`, or its frames match such a video. Never admitted.",
    ("evaluation video", "same as "),
)
COPY = ReasonGroup(
    "second copy",
    "The same id or the same frames as a video that is taken already; the source that stands "
    "first in the settings keeps its copy.",
    ("duplicate of ",),
)
OTHER = ReasonGroup("other", "Reasons this page has no words for; see the table.")
GROUPS = (
    EVALUATION,
    COPY,
    UNREADABLE,
    ReasonGroup("too short", "Fewer annotated frames than `min_frames`.", ("too short",)),
    ReasonGroup(
        "too few objects", "Fewer objects ever visible than `min_objects`.", ("too few objects",)
    ),
    ReasonGroup(
        "unsure masks", "Mean mask score below `min_mask_score` (BURST).", ("unsure masks",)
    ),
    ReasonGroup(
        "too few traits measurable",
        "Its traits carry less than `selection.min_weight_share` of the weights.",
        ("too few of its traits",),
    ),
    ReasonGroup(
        "too unlike MOSE",
        "Further from the reference than `selection.max_distance`.",
        ("too unlike",),
    ),
    ReasonGroup("quota full", "Nearer videos filled the `quota` of its source.", ("quota of",)),
    ReasonGroup(
        "limit in all reached", "Nearer videos filled `selection.max_videos`.", ("limit of",)
    ),
    OTHER,
)


def reason_group(video: ManifestEntry | Decision) -> ReasonGroup:
    """Return the group of a refused video's reason."""
    for group in GROUPS:
        if video.reason.startswith(group.starts):
            return group
    return UNREADABLE if video.traits is None else OTHER


def grouped_refusals(videos: Iterable[ManifestEntry]) -> dict[ReasonGroup, list[ManifestEntry]]:
    """Return the refused ones of some videos by reason, largest group first."""
    groups: dict[ReasonGroup, list[ManifestEntry]] = {}
    for video in videos:
        if not video.admitted:
            groups.setdefault(reason_group(video), []).append(video)
    return dict(sorted(groups.items(), key=lambda item: -len(item[1])))

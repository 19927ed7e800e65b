"""The traits of a video: what they are called, and their values for one video."""

from dataclasses import dataclass

from pvuw.sources.keys import VideoKey

TRAIT_VERSION = 1
"""Raised whenever a value would change: cached traits of another version are measured again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class VideoTraits:
    """What the masks of a video, and a few of its frames, say about it.

    Every number refers to the annotated frames. None means that it cannot be measured here; such a
    trait is left out of comparisons. Formulas and sources stand in the files named in brackets and
    in docs/mose_plus.md.
    """

    source: str
    split: str
    video_id: str
    num_frames: int
    """Annotated frames."""
    fps: float | None
    """Annotated frames per second, nominal."""
    size_hw: tuple[int, int]
    """Height and width of the frames."""
    num_objects: int
    """Objects visible at least once."""
    objects_per_frame: float
    """Visible objects, mean over the frames."""
    max_objects: int
    """Most objects visible at once."""
    bor_mean: float | None = None
    """Box occlusion rate, mean over frames with an object (mBOR) [layout.py]."""
    bor_max: float | None = None
    """Box occlusion rate of the worst frame [layout.py]."""
    crowding: float | None = None
    """Closeness of the closest pair, mean over frames with an object [layout.py]."""
    area_collapse: float | None = None
    """How far objects shrink below their recent size, mean over objects [change.py]."""
    motion: float | None = None
    """Speed of the objects' centres in frame diagonals a second [change.py]."""
    disappearance_rate: float | None = None
    """Share of objects that disappear (MOSEv2's "Disapp. Rate") [presence.py]."""
    reappearance_rate: float | None = None
    """Share of objects that come back (MOSEv2's "Reapp. Rate", SAM 2's disappearance rate)."""
    disappearances: int = 0
    """Changes from visible to absent, all objects together."""
    reappearances: int = 0
    """Changes from absent back to visible, all objects together."""
    gap_frames: float | None = None
    """Mean length of the absences that ended, in annotated frames."""
    longest_gap_frames: int | None = None
    """Longest absence that ended, in annotated frames."""
    small_share: float | None = None
    """Share of masks that cover less than 1 % of the frame (MOSEv2's "small")."""
    similarity: float | None = None
    """Cosine of the two most similar objects, mean over sampled frames [appearance.py]."""
    same_category_share: float | None = None
    """Share of objects whose category another object has too; None without categories."""
    occlusion_label: float | None = None
    """OVIS's labels as 0, 0.25, 0.75, worst half of an object's frames, mean over objects."""
    mask_score: float | None = None
    """Mean confidence of the masks where the source rates them (BURST); 1 = drawn by hand."""

    @property
    def key(self) -> VideoKey:
        """Name of the video across sources."""
        return VideoKey(self.source, self.split, self.video_id)

    @property
    def gap_seconds(self) -> float | None:
        """Mean length of the absences that ended; None without one, or without a frame rate."""
        if self.gap_frames is None or self.fps is None:
            return None
        return self.gap_frames / self.fps


@dataclass(frozen=True, slots=True)
class TraitKind:
    """A trait that videos are compared by."""

    name: str
    """Attribute of `VideoTraits`."""
    title: str
    """For reports, in words."""
    floor: float
    """Smallest difference that means anything: the scale never gets finer than this."""
    temporal: bool = False
    """Depends on the frame rate being high enough to see objects come and go."""

    def value(self, traits: VideoTraits) -> float | None:
        """Return the trait's value for a video, None where it has none."""
        value = getattr(traits, self.name)
        return None if value is None else float(value)


_KINDS = (
    TraitKind("bor_mean", "box occlusion, mean", 0.02),
    TraitKind("bor_max", "box occlusion, worst frame", 0.05),
    TraitKind("area_collapse", "visible area collapse", 0.05, temporal=True),
    TraitKind("disappearance_rate", "objects that disappear", 0.1, temporal=True),
    TraitKind("reappearance_rate", "objects that come back", 0.1, temporal=True),
    TraitKind("gap_seconds", "length of absences (s)", 0.5, temporal=True),
    TraitKind("small_share", "small masks", 0.05),
    TraitKind("objects_per_frame", "objects per frame", 0.5),
    TraitKind("crowding", "crowding", 0.03),
    TraitKind("similarity", "similarity among targets", 0.02),
    TraitKind("same_category_share", "objects of a shared category", 0.1),
    TraitKind("occlusion_label", "labelled occlusion (OVIS)", 0.05),
    TraitKind("motion", "motion (diagonals/s)", 0.02, temporal=True),
    TraitKind("num_frames", "annotated frames", 10.0),
)
TRAIT_KINDS = {kind.name: kind for kind in _KINDS}
"""The traits that selection can weigh, by name."""

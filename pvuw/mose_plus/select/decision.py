"""What became of a candidate, and why."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pvuw.sources.keys import VideoKey
from pvuw.traits.video_traits import VideoTraits


@dataclass(frozen=True, slots=True)
class Decision:
    """What became of one candidate."""

    source: str
    split: str
    video_id: str
    admitted: bool
    reason: str
    """One line for people: why it was taken, or why not."""
    distance: float | None = None
    """Distance from the reference; None where it was not computed."""
    distances: Mapping[str, float] = field(default_factory=dict)
    """Distance by trait."""
    traits: VideoTraits | None = None
    """None for a video that could not be read."""
    duplicate_of: VideoKey | None = None
    """The video with the same id or the same frames because of which this one was refused."""

    @property
    def key(self) -> VideoKey:
        """Name of the video across sources."""
        return VideoKey(self.source, self.split, self.video_id)


def refuse(
    key: VideoKey,
    reason: str,
    *,
    traits: VideoTraits | None = None,
    duplicate_of: VideoKey | None = None,
) -> Decision:
    """Return the decision against a video that is never compared with the reference."""
    return Decision(*key, False, reason, traits=traits, duplicate_of=duplicate_of)

"""What each evaluation server accepts: where masks lie in the zip, and which ids they may hold."""

from dataclasses import dataclass


@dataclass(frozen=True)
class SubmissionFormat:
    """The rules of one server."""

    name: str
    prefix: str
    """What stands before `<video>/<frame>.png` in the zip; empty: the videos are at its root."""
    late_objects: bool
    """Whether objects may be given at any frame (YouTube-VOS) or on the first one only."""


# DAVIS's and MOSE's servers refuse a folder around the videos (the former says so, the latter's
# scorers walk the root of the zip); YouTube-VOS's expects one named Annotations.
_ALL = (
    SubmissionFormat("mose", prefix="", late_objects=False),
    SubmissionFormat("mosev2", prefix="", late_objects=False),
    SubmissionFormat("davis", prefix="", late_objects=False),
    SubmissionFormat("youtube_vos", prefix="Annotations/", late_objects=True),
)
FORMATS = {rules.name: rules for rules in _ALL}

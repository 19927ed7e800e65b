"""What each evaluation server accepts: where masks lie in the zip, and which ids they may hold."""

from dataclasses import dataclass
from typing import Literal

from pvuw.io.mask_tree import QueryKind


@dataclass(frozen=True)
class SubmissionFormat:
    """The rules of one server."""

    name: str
    prefix: str
    """What stands before `<video>` in the zip; empty: the videos are at its root."""
    ids_from: Literal["first", "all"] | None = "first"
    """Which given masks name the ids that may occur: the first with an object, or all of them
    (YouTube-VOS, where objects enter late). None: no masks are given, any value is the target."""
    kind: QueryKind = "video"
    """What an answer is expected for: each video, or each sentence about one."""
    pixels: Literal["palette", "gray"] = "palette"
    """How a mask is stored: ids in an 8-bit palette PNG, or 0 and 255 in an 8-bit grayscale one."""


# MeViS: "CodaLab Evaluation Submission" of https://github.com/henghuiding/MeViS. Servers of DAVIS
# and MOSE refuse a folder around the videos (the former says so, the scorers of the latter walk the
# root of the zip); those of YouTube-VOS and Ref-YouTube-VOS expect one named Annotations.
_ALL = (
    SubmissionFormat("mose", prefix=""),
    SubmissionFormat("mosev2", prefix=""),
    SubmissionFormat("davis", prefix=""),
    SubmissionFormat("youtube_vos", prefix="Annotations/", ids_from="all"),
    SubmissionFormat("mevis", prefix="", ids_from=None, kind="expression", pixels="gray"),
    SubmissionFormat(
        "ref_youtube_vos", prefix="Annotations/", ids_from=None, kind="expression", pixels="gray"
    ),
)
FORMATS = {rules.name: rules for rules in _ALL}

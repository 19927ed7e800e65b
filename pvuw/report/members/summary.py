"""What the overview says of one video's members."""

from dataclasses import dataclass

from pvuw.report.members.facts import EnsembleFacts, MemberFacts
from pvuw.report.members.followed import is_followed
from pvuw.report.members.scores import Scores, score_members
from pvuw.report.members.words import overruled
from pvuw.report.sides import SideFacts


@dataclass(frozen=True)
class MemberSummary:
    """One member on one video."""

    name: str
    agreement: float | None
    """Mean IoU with the answer; None: it never speaks."""
    share_followed: float
    """Share of frames and objects in which it is followed, or nearest to the answer."""
    overruled: int
    """Frames times objects in which it was overruled."""
    compared: int
    """Frames times objects in which it was compared."""
    silent: int
    """Frames without a mask."""


@dataclass(frozen=True)
class EnsembleSummary:
    """What became of the members on one video."""

    followed: bool
    """Whether members were followed; else they voted, or nothing is known."""
    members: tuple[MemberSummary, ...]
    contested: float | None
    """Mean share of a frame that members differ on."""
    num_frames: int
    scores: Scores | None

    @property
    def leaders(self) -> list[MemberSummary]:
        """Members that are followed anywhere, or nearest to the answer, the most first."""
        some = [member for member in self.members if member.share_followed > 0]
        return sorted(some, key=lambda member: -member.share_followed)

    @property
    def agreement(self) -> float | None:
        """Mean over the members of their agreement with the answer."""
        known = [m.agreement for m in self.members if m.agreement is not None]
        return sum(known) / len(known) if known else None


def summarise_members(video_id: str, answer: SideFacts, facts: EnsembleFacts) -> EnsembleSummary:
    """Return what the overview needs.

    Args:
        video_id: The video.
        answer: The ensemble's own scores.
        facts: What was measured of the members.
    """
    shown = [share for share in facts.contested if share is not None]
    return EnsembleSummary(
        is_followed(facts.record),
        tuple(_member(place, member, facts) for place, member in enumerate(facts.members)),
        sum(shown) / len(shown) if shown else None,
        len(facts.frame_names),
        score_members(video_id, answer, facts),
    )


def _member(place: int, member: MemberFacts, facts: EnsembleFacts) -> MemberSummary:
    followed = [who for band in facts.bands for who in band.members]
    return MemberSummary(
        member.name,
        member.agreement,
        followed.count(place) / len(followed) if followed else 0.0,
        sum(overruled(member).values()),
        sum(len(frame) for frame in member.ious if frame),
        len(member.silent),
    )

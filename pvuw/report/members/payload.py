"""What the viewer needs of a video's members; pictures of them are small, pixels are few."""

from collections.abc import Sequence
from typing import Any

from pvuw.ensemble.members.frame_line import OVERRULED_BELOW
from pvuw.ensemble.record import Exchange
from pvuw.io.mask_store import IdMap
from pvuw.io.queries import Query
from pvuw.metrics.accumulate import VideoScore
from pvuw.report.members.agreement_map import agreeing
from pvuw.report.members.facts import EnsembleFacts, put_right
from pvuw.report.members.followed import is_followed
from pvuw.report.members.scores import score_members, score_table, tell_scores
from pvuw.report.members.words import tell, tell_choices, tell_method, tell_region
from pvuw.report.pictures import encode_id_map, encode_levels, reduce_id_map
from pvuw.report.settings import Ensemble
from pvuw.report.sides import MaskReader, SideFacts

SHORT_SIDE = 144
"""Pixels of the shorter side of a member's picture."""


class MemberPictures:
    """Gathers members' masks and the agreement map of the frames that have pictures.

    Args:
        query: The frames of its video name the masks.
        ensemble: The members.
        facts: What was measured of them.
        size_hw: Size of the agreement map, that of the answer's picture.
    """

    def __init__(
        self, query: Query, ensemble: Ensemble, facts: EnsembleFacts, size_hw: tuple[int, int]
    ) -> None:
        self._facts, self._size_hw = facts, size_hw
        self._readers = [MaskReader(m, query, VideoScore(None, "mose")) for m in ensemble.members]
        self.small_hw = member_size(size_hw)
        self.masks: list[list[str | None]] = [[] for _ in ensemble.members]
        self.agreement: list[str | None] = []

    def add(self, position: int, answer: IdMap | None) -> None:
        """Take a frame; without an answer there is no agreement."""
        maps = [
            put_right(
                reader.read(position), self._facts.record, name, self._facts.frame_names[position]
            )
            for name, reader in zip(self._facts.names, self._readers, strict=True)
        ]
        for kept, id_map in zip(self.masks, maps, strict=True):
            kept.append(None if id_map is None else encode_id_map(id_map, self.small_hw))
        if answer is None or all(id_map is None for id_map in maps):
            self.agreement.append(None)
            return
        few = [None if m is None else reduce_id_map(m, self._size_hw) for m in maps]
        self.agreement.append(encode_levels(agreeing(reduce_id_map(answer, self._size_hw), few)))


def member_size(size_hw: tuple[int, int]) -> tuple[int, int]:
    """Return height and width of members' pictures: the shorter side is at most 144.

    Example:
        >>> member_size((202, 360)), member_size((48, 64))
        ((144, 257), (48, 64))
    """
    scale = min(1.0, SHORT_SIDE / min(size_hw))
    return max(1, round(size_hw[0] * scale)), max(1, round(size_hw[1] * scale))


def ensemble_payload(
    facts: EnsembleFacts,
    pictures: MemberPictures,
    *,
    answer: SideFacts,
    video_id: str,
    object_ids: Sequence[int],
) -> dict[str, Any]:
    """Return all the viewer needs to show members.

    Args:
        facts: What was measured of them.
        pictures: Of the frames that have pictures.
        answer: The ensemble's own scores.
        video_id: The video.
        object_ids: Rows of every curve.
    """
    scores = score_members(video_id, answer, facts)
    return {
        "size": pictures.small_hw,
        "overruled": round(1000 * OVERRULED_BELOW),
        "followed": is_followed(facts.record),
        "members": [
            {"name": member.name, "masks": masks, "iou": _curves(member.ious, object_ids)}
            for member, masks in zip(facts.members, pictures.masks, strict=True)
        ],
        "exchanged": [
            [facts.names.index(e.member), *e.object_ids, *_span(e, facts.frame_names)]
            for e in (facts.record.exchanges if facts.record else ())
            if e.member in facts.names
        ],
        "bands": [{"object": band.object_id, "runs": band.runs()} for band in facts.bands],
        "agreement": pictures.agreement,
        "contested": [None if c is None else round(100_000 * c) for c in facts.contested],
        "method": tell_method(facts.record),
        "choices": [
            {"object": c.object_id, "what": c.what, "member": c.member, "reason": c.reason}
            for c in tell_choices(facts.record)
        ],
        "words": tell(facts),
        "regions": [
            {"frame": region.largest, "words": tell_region(region, facts.frame_names)}
            for region in facts.regions
        ],
        "scores": None
        if scores is None
        else {"words": tell_scores(scores), "rows": score_table(scores, object_ids)},
    }


def _curves(
    ious: Sequence[dict[int, float] | None], object_ids: Sequence[int]
) -> list[list[int | None]]:
    """Return a member's IoU of each object in each frame, in thousandths."""
    return [
        [None if not frame or i not in frame else round(1000 * frame[i]) for frame in ious]
        for i in object_ids
    ]


def _span(exchange: Exchange, frame_names: Sequence[str]) -> tuple[int, int]:
    """Return the first frame with exchanged ids, and the one after the last."""
    covered = [position for position, name in enumerate(frame_names) if exchange.covers(name)]
    return (covered[0], covered[-1] + 1) if covered else (0, 0)

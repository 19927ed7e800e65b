"""What the viewer needs of one query, but for the pictures, as JSON."""

import math
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import numpy as np

from pvuw.io.masks import davis_palette
from pvuw.io.queries import Query
from pvuw.metrics.accumulate import VideoScore
from pvuw.report.members.facts import EnsembleFacts
from pvuw.report.members.payload import MemberPictures, ensemble_payload
from pvuw.report.pictures import choose_frames, encode_id_map, reduced_size
from pvuw.report.settings import ReportSettings
from pvuw.report.sides import MaskReader, Series, SideFacts, VideoFacts


def make_payload(
    query: Query,
    facts: VideoFacts,
    members: EnsembleFacts | None,
    settings: ReportSettings,
    picks: Sequence[int],
) -> dict[str, Any]:
    """Return what the viewer needs to know of one query, one frame in memory at a time.

    Args:
        query: The query.
        facts: What was measured of it.
        members: What was measured of an ensemble's members.
        settings: What to show and how large.
        picks: Positions of the frames that have pictures.
    """
    video = query.video
    size_hw = reduced_size(video.size_hw, settings.max_side)
    named = list(zip(settings.sides, facts.sides, strict=True))
    if settings.truth is not None and facts.truth is not None:
        named.append((settings.truth, facts.truth))
    readers = [MaskReader(s, query, VideoScore(None, settings.protocol)) for s, _ in named]
    sides = [_side_payload(side, facts.object_ids) for _, side in named]
    pictures = None
    if settings.ensemble is not None and members is not None:
        pictures = MemberPictures(query, settings.ensemble, members, size_hw)
    for position in picks:
        maps = [
            None if side.areas[position] is None else reader.read(position)
            for reader, (_, side) in zip(readers, named, strict=True)
        ]
        for payload, id_map in zip(sides, maps, strict=True):
            payload["masks"].append(None if id_map is None else encode_id_map(id_map, size_hw))
        if pictures is not None:
            pictures.add(position, maps[0])
    return {
        "id": query.query_id,
        "sentence": query.prompt if isinstance(query.prompt, str) else None,
        "count": len(video),
        "pixels": video.size_hw[0] * video.size_hw[1],
        "size": size_hw,
        "picks": picks,
        "names": [video.frame_names[position] for position in picks],
        "objects": [{"id": i, "colour": line_colour(i)} for i in facts.object_ids],
        "sides": sides,
        "ensemble": _ensemble(query, facts, members, pictures),
        "notes": facts.problems + facts.notes,
    }


def picked_frames(
    query: Query,
    measured: Sequence[tuple[VideoFacts, EnsembleFacts | None]],
    settings: ReportSettings,
) -> list[int]:
    """Return the frames of a video that get pictures, the same for all of its queries."""
    wanted = []
    for facts, members in measured:
        wanted += [worst_frame(facts), *(members.telling_frames if members else [])]
    known = [position for position in wanted if position is not None]
    return choose_frames(len(query.video), settings.frames_per_video, wanted=known)


def _ensemble(
    query: Query,
    facts: VideoFacts,
    members: EnsembleFacts | None,
    pictures: MemberPictures | None,
) -> dict[str, Any] | None:
    if members is None or pictures is None:
        return None
    return ensemble_payload(
        members,
        pictures,
        answer=facts.sides[0],
        video_id=query.query_id,
        object_ids=facts.object_ids,
    )


def _side_payload(side: SideFacts, ids: Sequence[int]) -> dict[str, Any]:
    payload: dict[str, Any] = {
        "label": side.label,
        "area": [_integers(side.area_of(i)) for i in ids],
        "masks": [],
        "j": None,
        "f": None,
    }
    if side.scores is not None:
        scores_f = side.boundary_scores()
        payload["j"] = [_integers(1000 * side.curve(side.scores.j, i)) for i in ids]
        payload["f"] = [_integers(1000 * side.curve(scores_f, i)) for i in ids]
    return payload


def worst_frame(facts: VideoFacts, object_id: int | None = None) -> int | None:
    """Return where the prediction scores lowest: its objects together, or one of them.

    Of frames that score alike, the one with most of the objects in truth and prediction: there is
    something to see. None where nothing is scored.
    """
    side = facts.sides[0]
    if side.scores is None or object_id not in (None, *side.scores.object_ids):
        return None
    totals = (side.scores.j + side.boundary_scores()).mean(axis=0)
    if object_id is not None:
        row = side.scores.object_ids.index(object_id)
        totals = side.scores.j[row] + side.boundary_scores()[row]
    shown = facts.pixels(object_id)
    alike = np.flatnonzero(totals == totals.min()).tolist()
    return max((side.scored_frames[place] for place in alike), key=lambda t: (shown[t], -t))


def _integers(values: Series) -> list[int | None]:
    """Return whole numbers, which take few characters, and None for NaN."""
    return [None if math.isnan(value) else round(value) for value in values.tolist()]


def anchor(query_id: str, what: str = "video") -> str:
    """Return what names a query, or the frames of a video, in the page's address.

    Example:
        >>> anchor("a b/c")
        'video=a%20b%2Fc'
    """
    return f"{what}={quote(query_id, safe='')}"


def line_colour(object_id: int) -> str:
    """Return an object's palette colour, lifted so that lines of it show on light and dark.

    Example:
        >>> line_colour(1)
        '#9f3f3f'
    """
    red, green, blue = (63 + 3 * int(value) // 4 for value in davis_palette()[object_id])
    return f"#{red:02x}{green:02x}{blue:02x}"

"""What the viewer needs of one video, pictures included, as JSON."""

import math
from collections.abc import Sequence
from typing import Any

from pvuw.errors import DataError
from pvuw.io.mask_store import IdMap
from pvuw.io.masks import davis_palette, read_id_map
from pvuw.io.videos import Video
from pvuw.report.members.facts import EnsembleFacts
from pvuw.report.members.payload import MemberPictures, ensemble_payload
from pvuw.report.pictures import (
    choose_frames,
    encode_id_map,
    encode_picture,
    read_small,
    reduced_size,
)
from pvuw.report.settings import ReportSettings
from pvuw.report.sides import MaskSource, Series, SideFacts, VideoFacts


def make_payload(
    video: Video, facts: VideoFacts, members: EnsembleFacts | None, settings: ReportSettings
) -> dict[str, Any]:
    """Return what the viewer needs, one frame in memory at a time.

    A frame that cannot be read becomes a problem of the video, and its masks are shown alone.

    Args:
        video: The video.
        facts: What was measured of it; gets further problems.
        members: What was measured of an ensemble's members.
        settings: What to show and how large.
    """
    size_hw = reduced_size(video.size_hw, settings.max_side)
    wanted = [_worst_frame(facts), *(members.telling_frames if members else [])]
    picks = choose_frames(
        len(video), settings.frames_per_video, wanted=[p for p in wanted if p is not None]
    )
    named = list(zip(settings.sides, facts.sides, strict=True))
    if settings.truth is not None and facts.truth is not None:
        named.append((settings.truth, facts.truth))
    sides = [_side_payload(side, facts.object_ids) for _, side in named]
    pictures = None
    if settings.ensemble is not None and members is not None:
        pictures = MemberPictures(video, settings.ensemble, members, size_hw)
    frames: list[str | None] = []
    for position in picks:
        frames.append(_picture(video, position, size_hw, facts))
        maps = [_mask(source, side, video, position) for source, side in named]
        for payload, id_map in zip(sides, maps, strict=True):
            payload["masks"].append(None if id_map is None else encode_id_map(id_map, size_hw))
        if pictures is not None:
            pictures.add(position, maps[0])
    return {
        "id": video.video_id,
        "count": len(video),
        "pixels": video.size_hw[0] * video.size_hw[1],
        "size": size_hw,
        "picks": picks,
        "names": [video.frame_paths[position].stem for position in picks],
        "objects": [{"id": i, "colour": line_colour(i)} for i in facts.object_ids],
        "pictures": frames,
        "sides": sides,
        "ensemble": _ensemble(video, facts, members, pictures),
        "notes": facts.problems + facts.notes,
    }


def _ensemble(
    video: Video,
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
        video_id=video.video_id,
        object_ids=facts.object_ids,
    )


def _picture(
    video: Video, position: int, size_hw: tuple[int, int], facts: VideoFacts
) -> str | None:
    try:
        return encode_picture(read_small(video, position, size_hw))
    except DataError as error:
        facts.problems.append(str(error))
        return None


def _mask(source: MaskSource, side: SideFacts, video: Video, position: int) -> IdMap | None:
    """Return a mask that was found usable before."""
    if side.areas[position] is None:
        return None
    return read_id_map(source.path(video, position), void_id=source.void_id)


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


def _worst_frame(facts: VideoFacts) -> int | None:
    """Return the position where the prediction's objects score lowest together."""
    side = facts.sides[0]
    if side.scores is None:
        return None
    totals = (side.scores.j + side.boundary_scores()).mean(axis=0)
    return side.scored_frames[int(totals.argmin())]


def _integers(values: Series) -> list[int | None]:
    """Return whole numbers, which take few characters, and None for NaN."""
    return [None if math.isnan(value) else round(value) for value in values.tolist()]


def line_colour(object_id: int) -> str:
    """Return an object's palette colour, lifted so that lines of it show on light and dark.

    Example:
        >>> line_colour(1)
        '#9f3f3f'
    """
    red, green, blue = (63 + 3 * int(value) // 4 for value in davis_palette()[object_id])
    return f"#{red:02x}{green:02x}{blue:02x}"

"""What an ensemble's record says about a frame: who agrees, who was overruled, and where."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pvuw.ensemble.fuse.evidence import Evidence
from pvuw.ensemble.fuse.pixels import differing
from pvuw.ensemble.fuse.tracks import Swap
from pvuw.ensemble.recommend.agreement import compare_with
from pvuw.ensemble.record import Exchange
from pvuw.io.mask_store import IdMap

OVERRULED_BELOW = 0.5
"""IoU with the answer under which a member counts as overruled on an object."""
_REGIONS = 3
_EDGE = np.ones((3, 3), dtype=np.uint8)


def frame_line(
    name: str, members: Sequence[str], maps: Sequence[IdMap | None], answer: IdMap
) -> dict[str, Any]:
    """Return the record of one frame.

    Args:
        name: Stem of the frame's file name.
        members: Their names.
        maps: Thinned-out id map of each, ids put right; None: no mask.
        answer: The answer, thinned out alike.

    Returns:
        `members`: IoU of each member with the answer by object; `agreement`: its mean by object;
        `overruled`: the members whose IoU is below 0.5, by object; `silent`: members without a
        mask; `contested`: share of the frame that members differ on; `regions`: the three largest
        pieces of that, thin edges left out.
    """
    given = {m: id_map for m, id_map in zip(members, maps, strict=True) if id_map is not None}
    found = compare_with(answer, list(given.values())).ious
    ious = {member: by_object or {} for member, by_object in zip(given, found, strict=True)}
    ids = sorted({i for by_object in ious.values() for i in by_object})
    # An object that neither a member nor the answer shows is one they agree on.
    table = {member: {i: by_object.get(i, 1.0) for i in ids} for member, by_object in ious.items()}
    contested = np.zeros(answer.shape, dtype=np.bool_)
    contested.reshape(-1)[differing(list(given.values()))] = True
    return {
        "frame": name,
        "agreement": {i: _mean([row[i] for row in table.values()]) for i in ids},
        "members": {m: {i: round(iou, 3) for i, iou in row.items()} for m, row in table.items()},
        "overruled": {
            i: losers
            for i in ids
            if (losers := [m for m, row in table.items() if row[i] < OVERRULED_BELOW])
        },
        "silent": [member for member in members if member not in given],
        "contested": round(float(contested.mean()), 5),
        "regions": _regions(contested, given, answer),
    }


def exchanges_of(
    evidence: Evidence, members: Sequence[str], frame_names: Sequence[str]
) -> tuple[Exchange, ...]:
    """Return the exchanges of ids that were undone."""
    bins = [evidence.bin_of(position) for position in range(len(frame_names))]

    def exchange(swap: Swap) -> Exchange:
        last = len(bins) - 1 - bins[::-1].index(swap.last_bin)
        first = bins.index(swap.first_bin)
        return Exchange(
            members[swap.member],
            swap.object_ids,
            frame_names[first],
            frame_names[last],
            swap.evidence,
        )

    return tuple(exchange(swap) for swap in evidence.matching.swaps)


def _regions(
    contested: NDArray[np.bool_], maps: dict[str, IdMap], answer: IdMap
) -> list[dict[str, Any]]:
    """Return the largest contested pieces: box as shares of the frame, and who says what."""
    solid = cv2.morphologyEx(contested.astype(np.uint8), cv2.MORPH_OPEN, _EDGE)
    count, pieces, stats, _ = cv2.connectedComponentsWithStats(solid)
    order = sorted(range(1, count), key=lambda piece: -int(stats[piece, cv2.CC_STAT_AREA]))
    height, width = answer.shape
    found = []
    for piece in order[:_REGIONS]:
        left, top, w, h, area = (int(value) for value in stats[piece])
        cut = (slice(top, top + h), slice(left, left + w))
        inside = pieces[cut] == piece
        corners = (left / width, top / height, (left + w) / width, (top + h) / height)
        found.append(
            {
                "box_xyxy": [round(corner, 4) for corner in corners],
                "share": round(area / answer.size, 5),
                "answer": _most(answer[cut][inside]),
                "members": {m: _most(id_map[cut][inside]) for m, id_map in maps.items()},
            }
        )
    return found


def _most(ids: IdMap) -> int:
    return int(np.bincount(ids).argmax())


def _mean(values: Sequence[float]) -> float:
    return round(sum(values) / len(values), 3)

"""One frame's answer, pixel by pixel; only pixels that members differ on cost time."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pvuw.ensemble.combinations import IdMap, combine
from pvuw.ensemble.voting import Ballot, Decision, decide

TIME_BONUS = 0.1
"""Share of all votes that the label of the same pixel in the frame before counts in a near tie."""
SPACE_BONUS = 0.1
"""The same for a label that all pixels around have."""
_WINDOW = 15  # pixels at 1080p: side of the square that counts as around
_WINDOW_HEIGHT = 1080


@dataclass(frozen=True)
class _Differing:
    """Pixels that members differ on."""

    index: NDArray[np.intp]
    """Positions in the flattened frame, `[P]`."""
    which: NDArray[np.intp]
    """Combination of each, `[P]`."""
    decision: Decision


def paint(maps: Sequence[IdMap | None], ballot: Ballot, *, size_hw: tuple[int, int]) -> IdMap:
    """Return the id map that votes alone give, uint8 `[H, W]`; background where nobody votes.

    Args:
        maps: Id map of each member, uint8 `[H, W]`; None: no mask.
        ballot: What their word counts.
        size_hw: Height and width.
    """
    return _paint(maps, ballot, size_hw)[0]


def paint_smoothly(
    maps: Sequence[IdMap | None],
    ballot: Ballot,
    *,
    size_hw: tuple[int, int],
    previous: IdMap | None,
) -> IdMap:
    """Return the id map that votes give, near ties decided by the pixels around and before.

    Where the two strongest labels are less than a tenth of all votes apart, a label gains up to a
    tenth by the share of it in a square around the pixel, and a tenth if the pixel had it in the
    frame before. Nothing is moved along with motion.

    Args:
        maps: Id map of each member, uint8 `[H, W]`; None: no mask.
        ballot: What their word counts.
        size_hw: Height and width.
        previous: The answer of the frame before; None on the first.
    """
    answer, differing = _paint(maps, ballot, size_hw)
    if differing is None:
        return answer
    tied = differing.decision.near_tie[differing.which]
    if not tied.any():
        return answer
    index, which = differing.index[tied], differing.which[tied]
    first, second = differing.decision.best[which], differing.decision.second[which]
    lead = differing.decision.share[which]
    around_first, around_second = _shares_around(answer, index, first, second)
    lead += SPACE_BONUS * (around_first - around_second)
    if previous is not None:
        before = previous.reshape(-1)[index]
        lead += TIME_BONUS * ((before == first).astype(np.float64) - (before == second))
    flat = answer.reshape(-1)
    flat[index] = np.where(lead >= 0, first, second)
    return answer


def _paint(
    maps: Sequence[IdMap | None], ballot: Ballot, size_hw: tuple[int, int]
) -> tuple[IdMap, _Differing | None]:
    given = [id_map for id_map in maps if id_map is not None]
    if not given:
        return np.zeros(size_hw, dtype=np.uint8), None
    answer = given[0].copy()
    differ = np.zeros(size_hw, dtype=np.bool_)
    for id_map in given[1:]:
        differ |= id_map != answer
    index = np.flatnonzero(differ)
    if not len(index):
        return answer, None
    combinations = combine([None if m is None else m.reshape(-1)[index] for m in maps])
    decision = decide(combinations.labels, ballot)
    answer.reshape(-1)[index] = decision.best[combinations.which]
    return answer, _Differing(index, combinations.which, decision)


def _shares_around(
    answer: IdMap, index: NDArray[np.intp], *labels: NDArray[np.uint8]
) -> list[NDArray[np.float64]]:
    """Return how much of a square around each pixel has its label, `[P]` for each of `labels`."""
    height, width = answer.shape
    side = max(3, round(_WINDOW * height / _WINDOW_HEIGHT)) | 1
    y, x = np.divmod(index, width)
    shares = [np.zeros(len(index)) for _ in labels]
    for object_id in np.unique(np.concatenate(labels)).tolist():
        asked = [label == object_id for label in labels]
        some = np.any(asked, axis=0)
        top, left = max(0, int(y[some].min()) - side), max(0, int(x[some].min()) - side)
        part = answer[top : int(y[some].max()) + side + 1, left : int(x[some].max()) + side + 1]
        around = cv2.boxFilter(cv2.inRange(part, object_id, object_id), -1, (side, side))
        for share, has in zip(shares, asked, strict=True):
            share[has] = around[y[has] - top, x[has] - left] / 255.0
    return shares

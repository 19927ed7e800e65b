"""One frame's answer, pixel by pixel; only pixels that members differ on cost time.

Finding those pixels and what members say there depends on nothing else and may be done ahead, in
another thread (`compare`); deciding them is quick (`paint`, `paint_smoothly`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pvuw.ensemble.fuse.combinations import Combinations, combine
from pvuw.ensemble.fuse.voting import Ballot, Verdict, decide
from pvuw.io.mask_store import IdMap

TIME_BONUS = 0.1
"""Share of all votes that the label of the same pixel in the frame before counts in a near tie."""
SPACE_BONUS = 0.1
"""The same for a label that all pixels around have."""
_WINDOW = 15  # pixels at 1080p: side of the square that counts as around
_WINDOW_HEIGHT = 1080
_STRIP = 1 << 17  # pixels compared at a time: what is made of so few stays in the processor's cache


@dataclass(frozen=True)
class Compared:
    """What members say in a frame, and where they differ."""

    base: IdMap
    """Id map of the first member that has one, `[H, W]`, not to be changed; else background."""
    index: NDArray[np.intp]
    """Positions in the flattened frame where members differ, ascending, `[P]`."""
    combinations: Combinations | None
    """What members say there; None where they differ nowhere."""


def compare(maps: Sequence[IdMap | None], *, size_hw: tuple[int, int]) -> Compared:
    """Return where members differ and what they say there.

    Args:
        maps: Id map of each member, uint8 `[H, W]`; None: no mask.
        size_hw: Height and width, for frames where nobody has a mask.
    """
    given = [id_map for id_map in maps if id_map is not None]
    index = differing(given)
    base = given[0] if given else np.zeros(size_hw, dtype=np.uint8)
    if not len(index):
        return Compared(base, index, None)
    said = [None if m is None else m.reshape(-1)[index] for m in maps]
    return Compared(base, index, combine(said))


def paint(compared: Compared, ballot: Ballot) -> IdMap:
    """Return the id map that votes alone give, uint8 `[H, W]`; background where nobody votes."""
    return _paint(compared, ballot)[0]


def paint_smoothly(compared: Compared, ballot: Ballot, *, previous: IdMap | None) -> IdMap:
    """Return the id map that votes give, near ties decided by the pixels around and before.

    Where the two strongest labels are less than a tenth of all votes apart, a label gains up to a
    tenth by the share of it in a square around the pixel, and a tenth if the pixel had it in the
    frame before. Nothing is moved along with motion.

    Args:
        compared: The frame.
        ballot: What members' word counts.
        previous: The answer of the frame before; None on the first.
    """
    answer, decision = _paint(compared, ballot)
    if decision is None or compared.combinations is None:
        return answer
    which = compared.combinations.which
    tied = decision.near_tie[which]
    if not tied.any():
        return answer
    index, which = compared.index[tied], which[tied]
    first, second = decision.best[which], decision.second[which]
    lead = decision.share[which]
    around_first, around_second = _shares_around(answer, index, first, second)
    lead += SPACE_BONUS * (around_first - around_second)
    if previous is not None:
        before = previous.reshape(-1)[index]
        lead += TIME_BONUS * ((before == first).astype(np.float64) - (before == second))
    answer.reshape(-1)[index] = np.where(lead >= 0, first, second)
    return answer


def differing(maps: Sequence[IdMap]) -> NDArray[np.intp]:
    """Return where id maps of one size differ, as positions in the flattened frame, ascending."""
    if len(maps) < 2:
        return np.zeros(0, dtype=np.intp)
    first, *others = (id_map.reshape(-1) for id_map in maps)
    found = [_differing(first, others, start) for start in range(0, len(first), _STRIP)]
    return np.concatenate(found)


def _differing(first: IdMap, others: Sequence[IdMap], start: int) -> NDArray[np.intp]:
    strip = slice(start, start + _STRIP)
    differ = first[strip] != others[0][strip]
    for id_map in others[1:]:
        differ |= first[strip] != id_map[strip]
    index = np.flatnonzero(differ)
    index += start
    return index


def _paint(compared: Compared, ballot: Ballot) -> tuple[IdMap, Verdict | None]:
    answer, combinations = compared.base.copy(), compared.combinations
    if combinations is None:
        return answer, None
    decision = decide(combinations.labels, ballot)
    answer.reshape(-1)[compared.index] = decision.best[combinations.which]
    return answer, decision


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

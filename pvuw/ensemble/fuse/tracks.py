"""Which id of a member is which object, judged by whole tracks: who swapped two look-alikes, when.

Our own design: the report of the system that this follows (arXiv 2504.08306) names a consistency
check and gives no formula. See `docs/ensemble.md`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pvuw.ensemble.fuse.combinations import NO_OPINION
from pvuw.ensemble.fuse.track_table import TrackTable, bin_of

SWITCH_COST = 2.0
"""Summed IoU that it takes to believe that a member changed ids: one frame of both objects."""

Votes = NDArray[np.float64]


@dataclass(frozen=True)
class Swap:
    """Two objects that a member shows under each other's ids for a while."""

    member: int
    """Position of the member."""
    object_ids: tuple[int, int]
    first_bin: int
    last_bin: int
    """Last stretch of time with exchanged ids, inclusive."""
    evidence: float
    """How much more IoU with the others the exchange gives, summed over both objects and time."""


@dataclass
class Matching:
    """What each member's ids mean."""

    table: TrackTable
    """The rows with all exchanges undone."""
    slot_of: NDArray[np.intp]
    """Slot that each slot of a member really is, `[B, M, K + 1]`."""
    swaps: list[Swap]
    same: NDArray[np.bool_]
    """Which members never differ anywhere, `[M, M]`; each one is the same as itself."""

    @property
    def shares(self) -> Votes:
        """Votes of each member, `[M]`: one for each group of members that never differ."""
        shares: Votes = 1.0 / self.same.sum(axis=1)
        return shares

    def id_table(self, position: int, member: int, *, num_frames: int) -> NDArray[np.uint8] | None:
        """Return the 256 ids that a member's ids become in a frame; None: they stay."""
        slots = self.slot_of[bin_of(position, num_frames), member]
        if (slots == np.arange(len(slots))).all():
            return None
        ids = np.array([0, *self.table.object_ids], dtype=np.uint8)
        lookup = np.arange(256, dtype=np.uint8)
        lookup[ids] = ids[slots]
        return lookup


def match_tracks(table: TrackTable, weights: Sequence[float]) -> Matching:
    """Return what each member's ids mean, with exchanged ids of look-alikes undone.

    A member is compared with what the others together say, over the whole video: for each pair of
    ids the best moments to exchange them are found (two states, dynamic programming, a cost for
    each change). It is believed only where the others agree with more votes than the member has,
    and where both objects fit better exchanged; the clearest exchange is undone first, then all is
    compared again. Two members alone can therefore not overrule each other unless one weighs more.

    Args:
        table: The counted video; left as it is.
        weights: Votes of each member.
    """
    same = _same(table.slots)
    votes = np.asarray(weights, dtype=np.float64) / same.sum(axis=1)
    own = np.arange(table.num_objects + 1)
    shape = (table.num_bins, table.num_members, table.num_objects + 1)
    slot_of = np.broadcast_to(own, shape).copy()
    matched = TrackTable(
        table.object_ids, table.num_bins, table.bins, table.slots.copy(), table.counts
    )
    swaps: list[Swap] = []
    # Each exchange undone adds to the agreement, so this ends; the bound only guards the proof.
    for _ in range(4 * table.num_members * max(table.num_objects, 1)):
        found = max(
            (
                exchange
                for m in range(table.num_members)
                for exchange in _exchange(matched, votes, m)
            ),
            key=lambda exchange: exchange.gain,
            default=None,
        )
        if found is None:
            break
        swaps += _apply(found, matched, slot_of)
    # Of a member in the order they were undone: where two share an id, another order is wrong.
    swaps.sort(key=lambda swap: swap.member)
    return Matching(matched, slot_of, swaps, same)


@dataclass(frozen=True)
class _Exchange:
    """A pair of a member's objects and when their ids are exchanged."""

    member: int
    pair: tuple[int, int]
    """Slots."""
    when: NDArray[np.bool_]
    """`[B]`."""
    per_bin: Votes
    """IoU gained in each stretch of time, `[B]`."""
    gain: float
    """IoU gained less the cost of changes."""


def _same(slots: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Return which members never differ anywhere, `[M, M]`."""
    same: NDArray[np.bool_] = (slots[:, :, None] == slots[:, None, :]).all(axis=0)
    silent = (slots == NO_OPINION).all(axis=0)
    same[silent] = False  # who says nothing has no vote to share
    np.fill_diagonal(same, True)
    return same


def votes_for(slots: NDArray[np.intp], votes: Votes, *, num_objects: int) -> Votes:
    """Return the votes for background and each object, `[R, K + 1]`.

    Args:
        slots: What each member says, `[R, M]`.
        votes: Votes of each member, `[M]`.
        num_objects: `K`.
    """
    total = np.zeros((len(slots), num_objects + 1))
    rows = np.arange(len(slots))
    for member, vote in enumerate(votes):
        speaks = slots[:, member] >= 0
        total[rows[speaks], slots[speaks, member]] += vote
    return total


def _consensus_without(table: TrackTable, votes: Votes, member: int) -> NDArray[np.intp]:
    """Slot that the others agree on, `[R]`; -1 where they have no more votes than the member."""
    others = np.where(np.arange(len(votes)) == member, 0.0, votes)
    total = votes_for(table.slots, others, num_objects=table.num_objects)
    best = total.argmax(axis=1)
    top = total[np.arange(len(total)), best]
    total[np.arange(len(total)), best] = 0
    sure = (top > votes[member] + 1e-9) & (top > total.max(axis=1, initial=0.0) + 1e-9)
    return np.where(sure, best, NO_OPINION)


def _exchange(table: TrackTable, votes: Votes, member: int) -> Iterator[_Exchange]:
    """Yield every exchange of two of a member's ids that the others speak for."""
    iou = table.overlaps(table.slots[:, member], _consensus_without(table, votes, member))
    own = np.diagonal(iou, axis1=1, axis2=2)  # [B, K]
    crossed = iou + iou.transpose(0, 2, 1)
    gain = crossed - own[:, :, None] - own[:, None, :]  # [B, K, K]
    first, second = np.nonzero(np.triu(gain.clip(min=0).sum(axis=0) > SWITCH_COST, k=1))
    states, gains = _best_states(gain[:, first, second])
    for pair, (i, j) in enumerate(zip(first.tolist(), second.tolist(), strict=True)):
        when = states[:, pair]
        both_fit = (
            iou[when, i, j].sum() >= own[when, i].sum()
            and iou[when, j, i].sum() >= own[when, j].sum()
        )
        if gains[pair] > 0 and both_fit:
            yield _Exchange(member, (i + 1, j + 1), when, gain[:, i, j], float(gains[pair]))


def _best_states(gain: Votes) -> tuple[NDArray[np.bool_], Votes]:
    """Return when to exchange each of `P` pairs, bool `[B, P]`, and what that gains, `[P]`.

    Viterbi over two states; every change of state costs `SWITCH_COST`, and so does beginning
    exchanged, since the first frame is prompted.
    """
    num_bins, num_pairs = gain.shape
    scores = np.stack([np.zeros(num_pairs), np.full(num_pairs, -SWITCH_COST)])
    came_from = np.zeros((num_bins, 2, num_pairs), dtype=np.intp)
    for time in range(num_bins):
        stay_or_change = np.stack([scores, scores[::-1] - SWITCH_COST])
        change = stay_or_change.argmax(axis=0)
        came_from[time] = np.array([[0], [1]]) ^ change
        scores = stay_or_change.max(axis=0)
        scores[1] += gain[time]
    states = np.zeros((num_bins, num_pairs), dtype=bool)
    state = scores.argmax(axis=0)
    for time in reversed(range(num_bins)):
        states[time] = state == 1
        state = came_from[time, state, np.arange(num_pairs)]
    return states, scores.max(axis=0)


def _apply(found: _Exchange, table: TrackTable, slot_of: NDArray[np.intp]) -> list[Swap]:
    """Undo an exchange and return one entry for each stretch of time it lasted."""
    i, j = found.pair
    exchanged = np.arange(table.num_objects + 1)
    exchanged[[i, j]] = j, i
    column = table.slots[:, found.member]
    rows = found.when[table.bins] & (column > 0)
    column[rows] = exchanged[column[rows]]
    slot_of[found.when, found.member] = exchanged[slot_of[found.when, found.member]]
    edges = np.flatnonzero(np.diff(np.concatenate([[0], found.when.astype(np.int8), [0]])))
    ids = (table.object_ids[i - 1], table.object_ids[j - 1])
    return [
        Swap(found.member, ids, int(a), int(b) - 1, round(float(found.per_bin[a:b].sum()), 3))
        for a, b in zip(edges[::2], edges[1::2], strict=True)
    ]

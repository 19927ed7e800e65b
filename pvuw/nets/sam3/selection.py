"""SAM 3's memory selection: frames are remembered if the network was sure of them.

Carion et al. (2025), https://arxiv.org/abs/2511.16719, release of 2025-11. Upstream keeps every
frame and looks back through all of them. A frame that is left out once is never read again, as
frames are only ever added at the near end, so here it is forgotten at once: the same results in
constant memory.
"""

from collections import deque
from dataclasses import dataclass, replace
from itertools import chain
from typing import Literal

from pvuw.nets.sam2.memory import MapChoice, MemoryBank
from pvuw.nets.sam2.memory_policy import FrameRecord, ObjectMemory

Scope = Literal["object", "video"]


@dataclass(frozen=True)
class MemorySelection:
    """Which unprompted frames are remembered: those whose score is above a limit.

    The score is the predicted IoU times `2 P(visible) - 1`, or 0 where the object is more likely
    hidden. The frame right before the current one is always read, whatever its score.

    Args:
        scope: Whose score counts. `object`: each object's own, after Song et al. (2026), *SAM3-DMS*
            (https://arxiv.org/abs/2601.09699), so that a hidden object does not make others forget,
            nor remember itself. `video`: the mean over the objects of the video, as upstream.
        min_score: A frame must be judged better than this.
    """

    scope: Scope = "object"
    min_score: float = 0.01

    def __post_init__(self) -> None:
        """Refuse values that have no meaning."""
        if self.scope not in ("object", "video"):
            raise ValueError(f"scope must be object or video, got {self.scope!r}")
        if not 0 <= self.min_score < 1:
            raise ValueError(f"min_score must be from 0 to below 1, got {self.min_score}")

    def follow(self, bank: MemoryBank, policy: ObjectMemory | None) -> "SelectedMemory":
        """Begin with an object, which a policy may also have a say in."""
        return SelectedMemory(self, bank.num_maps, bank.num_pointers, policy)


class SelectedMemory(ObjectMemory):
    """The frames one object can read: at most `num_pointers` that passed, and the latest one.

    Maps and pointers are placed by rank among them, not by distance. The oldest gives no pointer:
    upstream's count ends one early, and its weights have never met it otherwise.

    A policy decides before selection does: maps it names are read in place of those selected, and
    permanent ones besides them. Pointers are always the selected ones.

    Args:
        selection: The rule.
        num_maps: How many unprompted frames the network reads as maps.
        num_pointers: How many of them as pointers.
        policy: What else decides for the object.
    """

    def __init__(
        self,
        selection: MemorySelection,
        num_maps: int,
        num_pointers: int,
        policy: ObjectMemory | None = None,
    ) -> None:
        self.selection = selection
        self.policy = policy
        self.num_maps = num_maps
        self.num_pointers = num_pointers
        self._passed: deque[int] = deque(maxlen=max(num_pointers, 1))

    def see(self, record: FrameRecord) -> MapChoice:
        """Take the next frame of the object and say which frames to remember from now on."""
        choice = self.policy.see(record) if self.policy else MapChoice()
        score = record.visible_iou if record.frame_score is None else record.frame_score
        if not record.prompted and score > self.selection.min_score:
            self._passed.append(record.frame_idx)
        valid = [*self._passed]
        if not valid or valid[-1] != record.frame_idx:
            valid.append(record.frame_idx)
        recent = tuple(valid[-self.num_maps :]) if choice.recent is None else choice.recent
        pointers = tuple(reversed(without_oldest(valid)))[: self.num_pointers]
        return replace(choice, recent=recent, pointers=pointers)


def without_oldest(valid: list[int]) -> list[int]:
    """Frames that give pointers, of those that can be read, oldest first."""
    return valid[1:]


def share_score(
    records: list[list[FrameRecord]], views: list[list[int]]
) -> list[list[FrameRecord]]:
    """Records of one frame in which every object has the mean score of those found in its view.

    Args:
        records: Per group of objects those of its rows.
        views: The view of each of these rows.
    """
    found: dict[int, list[float]] = {}
    rows = zip(chain.from_iterable(records), chain.from_iterable(views), strict=True)
    for record, view in rows:
        if not record.prompted:
            found.setdefault(view, []).append(record.visible_iou)
    means = {view: sum(scores) / len(scores) for view, scores in found.items()}
    return [
        [replace(r, frame_score=means.get(v)) for r, v in zip(group, seen, strict=True)]
        for group, seen in zip(records, views, strict=True)
    ]

"""What SAM 2 remembers of a video's past frames.

Memory of one frame is a small feature map and one pointer per object. Upstream keeps both for every
frame of the video. Only those of prompted frames and the last 6 maps and 15 pointers are ever read
(Ravi et al. 2024, section 4), so nothing else is kept here; results are the same bit for bit. A
`MemoryPolicy` may choose other maps, memory selection (SAM 3) other maps and pointers.
"""

from dataclasses import dataclass, field

import torch
from sam2.modeling.sam2_utils import select_closest_cond_frames
from torch import Tensor


@dataclass
class MemoryFrame:
    """What `N` objects remember of one frame."""

    features: Tensor | None
    """Memory map as tokens, bfloat16 `[N, hw, C]`; None once it will not be read any more."""
    pointers: Tensor
    """Object pointers, float `[N, D]`."""

    def take(self, rows: list[int]) -> "MemoryFrame":
        """Memory of some of the objects only."""
        features = None if self.features is None else _rows(self.features, rows)
        return MemoryFrame(features, _rows(self.pointers, rows))


@dataclass(frozen=True)
class MapChoice:
    """Which unprompted frames an object remembers as maps; with equal ones a batch can be shared.

    Names of frames that have no unprompted map, because they were prompted or never came, leave
    their place empty.
    """

    recent: tuple[int, ...] | None = None
    """Read on the next frame, oldest to newest; the last one is placed right before that frame.
    None: as without a policy, which is the last ones unless memory is selected."""
    permanent: tuple[int, ...] = ()
    """Read on every frame as if they had been prompted, until they are named no longer."""
    reserve: frozenset[int] = field(default=frozenset(), compare=False)
    """Not read, and kept because they may become permanent."""
    sampled: tuple[int, ...] = ()
    """Read apart from the others, as another, longer memory; see `pvuw.nets.sam3.long_memory`."""
    pointers: tuple[int, ...] | None = None
    """Unprompted frames whose pointers are read on the next frame, newest first: the k-th passes
    for one k frames ago. None: the last ones, each at its own distance."""


def _rows(values: Tensor, rows: list[int]) -> Tensor:
    """Some rows; by an index they would have to wait for its copy to the device."""
    return torch.stack([values[row] for row in rows])


def latest_frames(frame_idx: int, count: int) -> tuple[int, ...]:
    """Up to `count` frames that end with `frame_idx`, oldest first.

    Example:
        >>> latest_frames(7, 3), latest_frames(1, 3)
        ((5, 6, 7), (0, 1))
    """
    return tuple(range(max(frame_idx - count + 1, 0), frame_idx + 1))


class MemoryBank:
    """Memory of objects that were all prompted on the same frames, so that one batch serves them.

    Args:
        num_maps: How many unprompted frames before the current one are read as maps.
        num_pointers: How many of them are read as pointers.
        max_prompted: How many prompted frames are read, the nearest ones; others pass for
            unprompted ones while they are recent, and are forgotten then. None: all, which stay for
            ever, as SAM 2 has it: memory grows with prompts then, not with frames.
    """

    def __init__(
        self, *, num_maps: int, num_pointers: int, max_prompted: int | None = None
    ) -> None:
        self.num_maps = num_maps
        self.num_pointers = num_pointers
        self.max_prompted = max_prompted
        self.prompted: dict[int, MemoryFrame] = {}
        self.permanent: dict[int, MemoryFrame] = {}
        self.recent: dict[int, MemoryFrame] = {}
        self.sampled: dict[int, MemoryFrame] = {}
        self.choice = MapChoice()

    def add(
        self,
        frame_idx: int,
        memory: MemoryFrame,
        *,
        prompted: bool,
        choice: MapChoice | None = None,
    ) -> None:
        """Keep the memory of a frame: for good if its masks were given, else while it is read.

        Args:
            frame_idx: The frame; none later has been added.
            memory: Its memory.
            prompted: Whether its masks were given.
            choice: What to remember from now on; default: as upstream.
        """
        (self.prompted if prompted else self.recent)[frame_idx] = memory
        self.choice = choice or MapChoice()
        self._promote()
        self._sample()
        self._forget(frame_idx)

    def foresee(self, frame_idx: int, memory: MemoryFrame) -> None:
        """Keep the memory of a frame that is still to come, whose masks were given."""
        self.prompted[frame_idx] = memory

    def maps(self, frame_idx: int) -> list[tuple[int, Tensor]]:
        """Maps to read on a frame: lasting ones at place 0, then oldest to newest from 1."""
        near, others = self._nearest_prompted(frame_idx)
        found = [(0, memory.features) for memory in (near | self.permanent).values()]
        recent = self._recent_maps(frame_idx - 1)
        for place, t in enumerate(recent, self.num_maps + 1 - len(recent)):
            memory = self.recent.get(t, others.get(t))
            if memory is not None:
                found.append((place, memory.features))
        return [(place, features) for place, features in found if features is not None]

    def sampled_maps(self, frame_idx: int) -> list[tuple[int, Tensor]]:
        """Maps of the longer memory to read on a frame, placed like those of `maps`."""
        near, _ = self._nearest_prompted(frame_idx)
        found = [(0, memory.features) for memory in near.values()]
        places = range(self.num_maps + 1 - len(self.sampled), self.num_maps + 1)
        sampled = zip(places, self.sampled.values(), strict=True)
        found += [(place, memory.features) for place, memory in sampled]
        return [(place, features) for place, features in found if features is not None]

    def pointers(self, frame_idx: int) -> list[tuple[int, Tensor]]:
        """Pointers to read on a frame and how long ago: lasting ones, then newest to oldest."""
        near, others = self._nearest_prompted(frame_idx)
        lasting = near | self.permanent
        # Those of frames to come would tell where the object is going.
        found = [(frame_idx - t, m.pointers) for t, m in lasting.items() if t <= frame_idx]
        for distance, t in enumerate(self._recent_pointers(frame_idx), 1):
            memory = self.recent.get(t, others.get(t))
            if memory is not None:
                found.append((distance, memory.pointers))
        return found

    def take(self, rows: list[int]) -> "MemoryBank":
        """Memory of some of the objects only."""
        bank = MemoryBank(
            num_maps=self.num_maps, num_pointers=self.num_pointers, max_prompted=self.max_prompted
        )
        bank.prompted = {t: m.take(rows) for t, m in self.prompted.items()}
        bank.permanent = {t: m.take(rows) for t, m in self.permanent.items()}
        bank.recent = {t: m.take(rows) for t, m in self.recent.items()}
        bank.sampled = {t: m.take(rows) for t, m in self.sampled.items()}
        bank.choice = self.choice
        return bank

    def _nearest_prompted(
        self, frame_idx: int
    ) -> tuple[dict[int, MemoryFrame], dict[int, MemoryFrame]]:
        """Prompted frames that are read as such on a frame, and the others."""
        limit = -1 if self.max_prompted is None else self.max_prompted
        near, others = select_closest_cond_frames(frame_idx, self.prompted, limit)
        return near, others

    def _recent_maps(self, frame_idx: int) -> tuple[int, ...]:
        """Frames to read as maps after a frame, oldest first."""
        chosen = self.choice.recent
        return latest_frames(frame_idx, self.num_maps) if chosen is None else chosen

    def _recent_pointers(self, frame_idx: int) -> tuple[int, ...]:
        """Frames to read as pointers on a frame, newest first."""
        chosen = self.choice.pointers
        if chosen is None:
            return tuple(range(frame_idx - 1, frame_idx - 1 - self.num_pointers, -1))
        return chosen

    def _promote(self) -> None:
        """Make the chosen frames permanent, and only those."""
        for t in self.choice.permanent:
            if t not in self.permanent:
                self.permanent[t] = self.recent.pop(t)
                assert self.permanent[t].features is not None, "promoted after it was forgotten"
        self.permanent = {t: self.permanent[t] for t in self.choice.permanent}

    def _sample(self) -> None:
        """Keep what is sampled by itself, since recent memory loses its maps."""
        kept = self.recent | self.sampled
        self.sampled = {
            t: MemoryFrame(kept[t].features, kept[t].pointers) for t in self.choice.sampled
        }

    def _forget(self, frame_idx: int) -> None:
        """Drop what no frame after `frame_idx` can read."""
        upcoming = frame_idx + 1
        maps = {*self._recent_maps(frame_idx), *self.choice.reserve}
        read = maps | set(self._recent_pointers(upcoming))
        self.recent = {t: m for t, m in self.recent.items() if t in read}
        for t, memory in self.recent.items():
            if t not in maps:
                memory.features = None
        if self.max_prompted is not None:
            past = sorted(t for t in self.prompted if t <= frame_idx)
            beyond = set(past[: max(len(past) - self.max_prompted, 0)]) - read
            self.prompted = {t: m for t, m in self.prompted.items() if t not in beyond}

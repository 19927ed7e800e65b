"""What SAM 2 remembers of a video's past frames.

Memory of one frame is a small feature map and one pointer per object. Upstream keeps both for every
frame of the video. Only those of prompted frames and the last 6 maps and 15 pointers are ever read
(Ravi et al. 2024, section 4), so nothing else is kept here; results are the same bit for bit. A
`MemoryPolicy` may choose other maps.
"""

from dataclasses import dataclass, field

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
        features = None if self.features is None else self.features[rows]
        return MemoryFrame(features, self.pointers[rows])


@dataclass(frozen=True)
class MapChoice:
    """Which unprompted frames an object remembers as maps; with equal ones a batch can be shared.

    Names of frames that have no unprompted map, because they were prompted or never came, leave
    their place empty.
    """

    recent: tuple[int, ...] = ()
    """Read on the next frame, oldest to newest; the last one is placed right before that frame."""
    permanent: tuple[int, ...] = ()
    """Read on every frame as if they had been prompted, until they are named no longer."""
    reserve: frozenset[int] = field(default=frozenset(), compare=False)
    """Not read, and kept because they may become permanent."""


def latest_frames(frame_idx: int, count: int) -> tuple[int, ...]:
    """Up to `count` frames that end with `frame_idx`, oldest first.

    Example:
        >>> latest_frames(7, 3), latest_frames(1, 3)
        ((5, 6, 7), (0, 1))
    """
    return tuple(range(max(frame_idx - count + 1, 0), frame_idx + 1))


class MemoryBank:
    """Memory of objects that were all prompted on the same frames, so that one batch serves them.

    Prompted frames stay for ever, as upstream has it: memory grows with prompts, not with frames.

    Args:
        num_maps: How many unprompted frames before the current one are read as maps.
        num_pointers: How many of them are read as pointers.
    """

    def __init__(self, *, num_maps: int, num_pointers: int) -> None:
        self.num_maps = num_maps
        self.num_pointers = num_pointers
        self.prompted: dict[int, MemoryFrame] = {}
        self.permanent: dict[int, MemoryFrame] = {}
        self.recent: dict[int, MemoryFrame] = {}
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
            choice: Maps to remember from now on; default: the last `num_maps`, as upstream.
        """
        (self.prompted if prompted else self.recent)[frame_idx] = memory
        self.choice = choice or MapChoice(latest_frames(frame_idx, self.num_maps))
        self._promote()
        self._forget(frame_idx)

    def maps(self) -> list[tuple[int, Tensor]]:
        """Maps to read on the next frame: lasting ones at place 0, then oldest to newest from 1."""
        found = [(0, memory.features) for memory in self._lasting().values()]
        oldest = self.num_maps + 1 - len(self.choice.recent)
        for place, t in enumerate(self.choice.recent, oldest):
            if t in self.recent:
                found.append((place, self.recent[t].features))
        return [(place, features) for place, features in found if features is not None]

    def pointers(self, frame_idx: int) -> list[tuple[int, Tensor]]:
        """Pointers to read on a frame and their distance: lasting ones, then newest to oldest."""
        found = [(frame_idx - t, m.pointers) for t, m in self._lasting().items()]
        for distance in range(1, self.num_pointers + 1):
            memory = self.recent.get(frame_idx - distance)
            if memory is not None:
                found.append((distance, memory.pointers))
        return found

    def take(self, rows: list[int]) -> "MemoryBank":
        """Memory of some of the objects only."""
        bank = MemoryBank(num_maps=self.num_maps, num_pointers=self.num_pointers)
        bank.prompted = {t: m.take(rows) for t, m in self.prompted.items()}
        bank.permanent = {t: m.take(rows) for t, m in self.permanent.items()}
        bank.recent = {t: m.take(rows) for t, m in self.recent.items()}
        bank.choice = self.choice
        return bank

    def _lasting(self) -> dict[int, MemoryFrame]:
        return self.prompted | self.permanent

    def _promote(self) -> None:
        """Make the chosen frames permanent, and only those."""
        for t in self.choice.permanent:
            if t not in self.permanent:
                self.permanent[t] = self.recent.pop(t)
                assert self.permanent[t].features is not None, "promoted after it was forgotten"
        self.permanent = {t: self.permanent[t] for t in self.choice.permanent}

    def _forget(self, frame_idx: int) -> None:
        """Drop what no frame after `frame_idx` can read."""
        upcoming = frame_idx + 1
        maps = {*self.choice.recent, *self.choice.reserve}
        self.recent = {
            t: m for t, m in self.recent.items() if t in maps or upcoming - t <= self.num_pointers
        }
        for t, memory in self.recent.items():
            if t not in maps:
                memory.features = None

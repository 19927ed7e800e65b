"""What SAM 2 remembers of a video's past frames.

Memory of one frame is a small feature map and one pointer per object. Upstream keeps both for every
frame of the video. Only those of prompted frames and the last 6 maps and 15 pointers are ever read
(Ravi et al. 2024, section 4), so nothing else is kept here; results are the same bit for bit.
"""

from dataclasses import dataclass

from torch import Tensor


@dataclass
class MemoryFrame:
    """What `N` objects remember of one frame."""

    features: Tensor | None
    """Memory map as tokens, bfloat16 `[N, hw, C]`; None once the frame is too old to be read."""
    pointers: Tensor
    """Object pointers, float `[N, D]`."""

    def take(self, rows: list[int]) -> "MemoryFrame":
        """Memory of some of the objects only."""
        features = None if self.features is None else self.features[rows]
        return MemoryFrame(features, self.pointers[rows])


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
        self.recent: dict[int, MemoryFrame] = {}

    def add(self, frame_idx: int, memory: MemoryFrame, *, prompted: bool) -> None:
        """Keep the memory of a frame: for good if its masks were given, else while it is read."""
        (self.prompted if prompted else self.recent)[frame_idx] = memory
        self._forget(frame_idx)

    def maps(self, frame_idx: int) -> list[tuple[int, Tensor]]:
        """Maps to read on a frame: prompted ones at place 0, then oldest to newest from 1."""
        found = [(0, m.features) for m in self.prompted.values()]
        for place in range(1, self.num_maps + 1):
            memory = self.recent.get(frame_idx - (self.num_maps + 1 - place))
            if memory is not None:
                found.append((place, memory.features))
        return [(place, features) for place, features in found if features is not None]

    def pointers(self, frame_idx: int) -> list[tuple[int, Tensor]]:
        """Pointers to read on a frame and their distance: prompted ones, then newest to oldest."""
        found = [(frame_idx - t, m.pointers) for t, m in self.prompted.items()]
        for distance in range(1, self.num_pointers + 1):
            memory = self.recent.get(frame_idx - distance)
            if memory is not None:
                found.append((distance, memory.pointers))
        return found

    def take(self, rows: list[int]) -> "MemoryBank":
        """Memory of some of the objects only."""
        bank = MemoryBank(num_maps=self.num_maps, num_pointers=self.num_pointers)
        bank.prompted = {t: m.take(rows) for t, m in self.prompted.items()}
        bank.recent = {t: m.take(rows) for t, m in self.recent.items()}
        return bank

    def _forget(self, frame_idx: int) -> None:
        """Drop what no frame after `frame_idx` can read."""
        upcoming = frame_idx + 1
        reach = max(self.num_maps, self.num_pointers)
        self.recent = {t: m for t, m in self.recent.items() if upcoming - t <= reach}
        for t, memory in self.recent.items():
            if upcoming - t > self.num_maps:
                memory.features = None

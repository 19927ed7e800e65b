"""Key frames of a video, before it is passed through: their masks, and the memory made of them.

SAM 2 remembers prompted frames wherever it is, those to come as well. So all key frames are encoded
first, and every later frame reads the memory of all.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from pvuw.nets.sa2va.language import LanguageSam, Said
from pvuw.nets.sam2.decoding import DecodedMasks
from pvuw.nets.sam2.features import FrameFeatures
from pvuw.nets.sam2.memory import MemoryBank, MemoryFrame

Picture = Callable[[int], Tensor]
"""The frame at a position as SAM 2 sees it, uint8 `[3, S, S]`."""


@dataclass
class Rehearsal:
    """What is known of all objects of a video before its frames come."""

    sam: LanguageSam
    batches: list[list[int]]
    """Which objects run together."""
    given: dict[int, Said] = field(default_factory=dict)
    """Masks that are known, by frame: of key frames, and of those before the first one."""
    memories: dict[int, list[MemoryFrame]] = field(default_factory=dict)
    """Memory of key frames, one for each batch."""

    @property
    def start(self) -> int:
        """The first frame with masks; frames before it have none."""
        return min(self.given)

    def new_banks(self, place: Callable[[int], int] = int) -> list[MemoryBank]:
        """Memory in which all key frames are, one bank for each batch.

        Args:
            place: From a frame's position to its time in the memory.
        """
        banks = []
        for batch in range(len(self.batches)):
            bank = self.sam.fusion.new_bank()
            for frame_idx, memories in self.memories.items():
                memory = memories[batch]
                bank.foresee(place(frame_idx), MemoryFrame(memory.features, memory.pointers))
            banks.append(bank)
        return banks

    def decode(
        self, features: FrameFeatures, banks: Sequence[MemoryBank], frame_idx: int
    ) -> list[DecodedMasks]:
        """Masks of a frame from memory, batch by batch; `frame_idx` is its time in the memory."""
        return [
            self.sam.decoding.decode(
                features, self.sam.fusion.read(features, bank, frame_idx=frame_idx)
            )
            for bank in banks
        ]

    def write(self, features: FrameFeatures, decoded: Sequence[DecodedMasks]) -> list[MemoryFrame]:
        """Memory of a frame, batch by batch."""
        return [self.sam.fusion.write(features, masks, prompted=False) for masks in decoded]

    def only(self, objects: Sequence[int]) -> "Rehearsal":
        """What is known of some of the objects, in one batch."""
        order = [i for batch in self.batches for i in batch]
        rows = [order.index(i) for i in objects]
        memories = {t: [_joined(per_batch).take(rows)] for t, per_batch in self.memories.items()}
        given = {t: said.take(rows) for t, said in self.given.items()}
        return Rehearsal(self.sam, [list(range(len(rows)))], given, memories)


def rehearse(
    sam: LanguageSam,
    words: Tensor,
    frames: Sequence[int],
    picture: Picture,
    *,
    size_hw: tuple[int, int],
    batch_size: int,
) -> Rehearsal:
    """Decode the key frames of a video and turn them into memory.

    Args:
        sam: SAM 2 on this video.
        words: A token for each object, float `[N, D]`.
        frames: Positions of the frames that are prompted, ascending.
        picture: Reads a frame.
        size_hw: Height and width of the video's frames.
        batch_size: Most objects run in one batch.
    """
    rows = list(range(len(words)))
    batches = [rows[i : i + batch_size] for i in range(0, len(rows), batch_size)]
    found = Rehearsal(sam, batches)
    for frame_idx in frames:
        decoded, memory = [], []
        for batch in batches:
            # Several batches encode the frame anew: its features are the largest thing there is.
            features, masks = sam.read_words(
                picture(frame_idx), words[batch, None], size_hw=size_hw
            )
            decoded.append(masks)
            memory += found.write(features, [masks])
        found.given[frame_idx] = Said.of(decoded)
        found.memories[frame_idx] = memory
    return found


def look_back(rehearsal: Rehearsal, picture: Picture, *, num_frames: int) -> None:
    """Find the masks of the frames before the first key frame, and add them to what is given.

    As SAM 2's own reverse pass after a forward one: it goes from the first key frame back to frame
    0 and remembers what was found behind it, for which only the next few frames are needed.

    Args:
        rehearsal: With its key frames; changed in place.
        picture: Reads a frame.
        num_frames: Length of the video.
    """
    first = min(rehearsal.memories)
    if first == 0:
        return
    sam = rehearsal.sam
    end = min(num_frames - 1, first + max(sam.fusion.num_pointers, sam.model.num_maskmem - 1))
    behind: dict[int, list[MemoryFrame]] = {}
    banks = rehearsal.new_banks()
    for t in range(first + 1, end + 1):
        if t in rehearsal.memories:
            continue
        features = sam.encoder.encode(picture(t))
        behind[t] = rehearsal.write(features, rehearsal.decode(features, banks, t))
        _remember(banks, t, behind[t])
    banks = rehearsal.new_banks(lambda t: end - t)
    for t in sorted(behind, reverse=True):
        _remember(banks, end - t, behind[t])
    for t in range(first - 1, -1, -1):
        features = sam.encoder.encode(picture(t))
        decoded = rehearsal.decode(features, banks, end - t)
        rehearsal.given[t] = Said.of(decoded)
        if t > 0:
            _remember(banks, end - t, rehearsal.write(features, decoded))


def _remember(banks: Sequence[MemoryBank], frame_idx: int, memories: Sequence[MemoryFrame]) -> None:
    for bank, memory in zip(banks, memories, strict=True):
        # A copy: banks let go of the maps of what they remember.
        bank.add(frame_idx, MemoryFrame(memory.features, memory.pointers), prompted=False)


def _joined(memories: Sequence[MemoryFrame]) -> MemoryFrame:
    features = [m.features for m in memories if m.features is not None]
    return MemoryFrame(torch.cat(features), torch.cat([m.pointers for m in memories]))

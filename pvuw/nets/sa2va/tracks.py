"""All sentences of a video followed side by side, each asked for by a session of its own."""

import weakref
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from pvuw.nets.sa2va.language import Said
from pvuw.nets.sa2va.rehearsal import Rehearsal
from pvuw.nets.sam2.memory import MemoryFrame
from pvuw.types import TokenPrompt

_WAIT = 32
"""Frames kept for a session that has not begun, beyond which it runs alone."""


class Tracker:
    """Objects of a video from frame to frame, all in the same batches.

    Args:
        rehearsal: What is known beforehand.
    """

    def __init__(self, rehearsal: Rehearsal) -> None:
        self.rehearsal = rehearsal
        self._banks = rehearsal.new_banks()
        self.next_frame = rehearsal.start

    def step(self, picture: Tensor, *, last: bool) -> Said:
        """Masks of the next frame, uint8 `[3, S, S]`; frames that are known are not encoded."""
        t, self.next_frame = self.next_frame, self.next_frame + 1
        if (given := self.rehearsal.given.get(t)) is not None:
            return given
        features = self.rehearsal.sam.encoder.encode(picture)
        decoded = self.rehearsal.decode(features, self._banks, t)
        if not last:
            memories = self.rehearsal.write(features, decoded)
            for bank, memory in zip(self._banks, memories, strict=True):
                bank.add(t, MemoryFrame(memory.features, memory.pointers), prompted=False)
        return Said.of(decoded)


class SharedTracks:
    """What all sentences of a video share: one tracker, which goes on with whoever is ahead.

    Sessions that run in turns ask for the same frame one after another. A frame's masks are kept
    until all have taken them.

    Args:
        rehearsal: What is known of all objects beforehand.
        sessions: How many sessions are expected.
    """

    def __init__(self, rehearsal: Rehearsal, *, sessions: int) -> None:
        self.rehearsal = rehearsal
        self._tracker = Tracker(rehearsal)
        self._expected = sessions
        self._seats: weakref.WeakSet[Seat] = weakref.WeakSet()
        self._joined = 0
        self._kept: dict[int, Said] = {}

    def join(self, objects: Sequence[int]) -> "Seat":
        """Begin to follow some of the objects from the first frame that is known on."""
        start = self.rehearsal.start
        if self._tracker.next_frame > start and start not in self._kept:
            alone = SharedTracks(self.rehearsal.only(objects), sessions=1)
            return alone.join(range(len(objects)))
        seat = Seat(self, list(objects))
        self._seats.add(seat)
        self._joined += 1
        return seat

    def at(self, frame_idx: int, picture: Tensor, *, last: bool) -> Said:
        """Masks of all objects on a frame, found now if nobody has asked before."""
        if frame_idx == self._tracker.next_frame:
            self._kept[frame_idx] = self._tracker.step(picture, last=last)
        return self._kept[frame_idx]

    def let_go(self) -> None:
        """Drop the frames that all sessions have taken."""
        oldest = min((seat.next_frame for seat in self._seats), default=0)
        if self._joined < self._expected:
            oldest = min(oldest, self._tracker.next_frame - _WAIT)
        self._kept = {t: said for t, said in self._kept.items() if t >= oldest}


class Seat:
    """One session's place among those that share a tracker.

    Args:
        tracks: What is shared.
        objects: Which of the objects are its own.
    """

    def __init__(self, tracks: SharedTracks, objects: list[int]) -> None:
        self._tracks = tracks
        self.objects = objects
        self.next_frame = tracks.rehearsal.start

    def step(self, picture: Tensor, *, last: bool) -> Said:
        """Masks of its objects on the next frame, uint8 `[3, S, S]`."""
        said = self._tracks.at(self.next_frame, picture, last=last)
        self.next_frame += 1
        self._tracks.let_go()
        return said.take(self.objects)

    def at_full_size(self, mask_logits: Tensor) -> Tensor:
        """Logits `[N, S/4, S/4]` at the network's own size, `[N, S, S]`."""
        return self._tracks.rehearsal.sam.at_full_size(mask_logits)


@dataclass
class SentencePrompt(TokenPrompt):
    """What a sentence means: tokens, and the objects' tracks among those of other sentences."""

    tracks: SharedTracks
    rows: list[int]
    """Which objects of the tracks are this sentence's, in the order of `object_ids`."""

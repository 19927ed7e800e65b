"""Which frames of a video, and which sentences about it, a training clip is made of: strategies."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from pvuw.io.records import VideoRecord


class SentenceDraw(NamedTuple):
    """Frames and sentences of a clip."""

    positions: list[int]
    """Frames by their place in the video, ascending; one may come several times."""
    sentences: list[int]
    """Places in `record.expressions`, one for each slot."""


class SentenceSampling(ABC):
    """How clips are drawn; what is drawn depends on the video and the random numbers alone."""

    @abstractmethod
    def clips_of(self, record: VideoRecord) -> int:
        """Return how many clips of a video make a whole turn; 0 leaves it out."""

    @abstractmethod
    def draw(
        self,
        rng: np.random.Generator,
        record: VideoRecord,
        *,
        number: int,
        num_frames: int,
        max_sentences: int,
    ) -> SentenceDraw:
        """Return a clip.

        Args:
            rng: The clip's random numbers.
            record: The video.
            number: Which clip of the turn, below `clips_of`.
            num_frames: Frames of the clip.
            max_sentences: Most sentences of the clip.
        """


@dataclass(frozen=True)
class RandomSampling(SentenceSampling):
    """Frames and sentences of a video drawn at random, as Sa2VA trains on them (2501.04001).

    A turn is one clip of each video. Frames are sorted, and repeat only where the video has too
    few; a clip has `clip.max_objects` sentences (5 in Sa2VA), which repeat where there are fewer.
    """

    def clips_of(self, record: VideoRecord) -> int:
        """Return 1 for a video with sentences."""
        return int(bool(record.expressions))

    def draw(
        self,
        rng: np.random.Generator,
        record: VideoRecord,
        *,
        number: int,
        num_frames: int,
        max_sentences: int,
    ) -> SentenceDraw:
        """Return a clip."""
        del number
        positions = sorted(_some(rng, record.num_frames, num_frames))
        return SentenceDraw(positions, _some(rng, len(record.expressions), max_sentences))


@dataclass(frozen=True)
class AnchorSampling(SentenceSampling):
    """One sentence, frames around an anchor and far from it: ReferDINO's training (2501.14607).

    A turn has a clip for each sentence and anchor. A clip is the anchor, a frame up to `reach`
    before and one after it, and others from the rest of the video, sorted. Where the sentence's
    target is in none of them, though the video shows it, a frame that does becomes the anchor.

    Args:
        step: Frames from one anchor to the next.
        reach: Farthest a local frame is from the anchor.
    """

    step: int = 64
    reach: int = 3

    def __post_init__(self) -> None:
        if self.step < 1 or self.reach < 1:
            raise ValueError(
                f"sampling.step and reach must be at least 1, got {self.step} and {self.reach}"
            )

    def clips_of(self, record: VideoRecord) -> int:
        """Return the sentences times the anchors."""
        return len(record.expressions) * self._anchors(record)

    def draw(
        self,
        rng: np.random.Generator,
        record: VideoRecord,
        *,
        number: int,
        num_frames: int,
        max_sentences: int,
    ) -> SentenceDraw:
        """Return a clip."""
        del max_sentences
        sentence, place = divmod(number, self._anchors(record))
        positions = self._around(rng, place * self.step, record.num_frames, num_frames)
        shown = frames_with_target(record, sentence)
        if shown and not set(shown) & set(positions):
            anchor = int(rng.choice(shown))
            positions = self._around(rng, anchor, record.num_frames, num_frames)
        return SentenceDraw(positions, [sentence])

    def _anchors(self, record: VideoRecord) -> int:
        return -(-record.num_frames // self.step)

    def _around(
        self, rng: np.random.Generator, anchor: int, num_frames: int, wanted: int
    ) -> list[int]:
        before, after = (int(n) for n in rng.integers(1, self.reach, 2, endpoint=True))
        first, last = max(0, anchor - before), min(num_frames - 1, anchor + after)
        near = [anchor, first, last][:wanted]
        far = [t for t in range(num_frames) if not first <= t <= last]
        missing = wanted - len(near)
        if len(far) >= missing:
            rest = [far[i] for i in _some(rng, len(far), missing)]
        else:
            rest = _some(rng, num_frames, missing)
        return sorted([*near, *rest])


def frames_with_target(record: VideoRecord, sentence: int) -> list[int]:
    """Return the frames that show what a sentence means, by position."""
    meant = set(record.expressions[sentence].object_ids)
    bits = 0
    for info in record.objects:
        if info.object_id in meant:
            assert info.visible_bits is not None, "readers of sentences fill it in"
            bits |= info.visible_bits
    return [t for t in range(record.num_frames) if bits >> t & 1]


def _some(rng: np.random.Generator, num: int, wanted: int) -> list[int]:
    """Return some of `num` things, each once before any comes again."""
    rounds = [rng.permutation(num) for _ in range(-(-wanted // num))]
    return [int(i) for i in np.concatenate(rounds)[:wanted]] if rounds else []

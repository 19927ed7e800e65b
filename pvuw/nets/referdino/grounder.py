"""Which of the objects found a sentence means, and their masks frame by frame."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from pvuw.errors import PvuwError
from pvuw.io.videos import Video
from pvuw.nets.grounding import Grounder, LatePrompts
from pvuw.nets.referdino.network import ReferDinoModel
from pvuw.nets.referdino.text import Words
from pvuw.nets.referdino.video import Sighting, look_through
from pvuw.types import Prompt, TokenPrompt

MEANT = 1
"""File id of what a sentence means."""


@dataclass(frozen=True)
class Choice:
    """Which of the objects found are meant, by their mean score over the video."""

    threshold: float = 0.2
    """All above it are meant."""
    top1: bool = False
    """Only the best is meant, whatever its score (Ref-YouTube-VOS and Ref-DAVIS)."""
    or_best: bool = True
    """Where none is above the threshold the best is meant, as published; else nothing is."""

    def __post_init__(self) -> None:
        if not 0 <= self.threshold <= 1:
            raise ValueError(f"choice.threshold must be in 0..1, got {self.threshold}")

    def kept(self, scores: Tensor) -> list[int]:
        """The queries that are meant.

        Args:
            scores: Of each query in each frame, in 0..1, float `[T, Q]`.

        Example:
            >>> import torch
            >>> scores = torch.tensor([[0.1, 0.4, 0.3], [0.1, 0.2, 0.3]])
            >>> Choice(0.2).kept(scores), Choice(0.9).kept(scores)
            ([1, 2], [1])
            >>> Choice(0.9, or_best=False).kept(scores)
            []
        """
        means = scores.mean(0)
        above = (means > self.threshold).nonzero().flatten().tolist()
        if self.top1 or (not above and self.or_best):
            return [int(means.argmax())]
        return list(above)


class ReferDinoGrounder(Grounder):
    """Looks through a video once for all sentences and gives masks for every frame.

    Args:
        model: The network.
        tokenizer: Makes words of sentences.
        choice: Which objects are meant.
        clip_frames: Frames that are encoded at once.
    """

    def __init__(
        self,
        model: ReferDinoModel,
        tokenizer: Callable[[str], Words] | None,
        choice: Choice,
        clip_frames: int,
    ) -> None:
        self.model, self.tokenizer, self.choice = model, tokenizer, choice
        self.clip_frames = clip_frames

    def sightings(self, video: Video, sentences: Sequence[str]) -> list[Sighting]:
        """What each sentence found in the video.

        Raises:
            DataError: If a frame cannot be read.
            PvuwError: If the network has no vocabulary.
            RuntimeError: In training mode.
        """
        if self.model.training:
            raise RuntimeError("the network is in training mode; call .eval() before look()")
        words = [self.words(sentence) for sentence in sentences]
        return look_through(self.model, video, words, clip_frames=self.clip_frames)

    def look(self, video: Video, sentences: Sequence[str]) -> list[Mapping[int, Prompt]]:
        """A prompt for every frame of the video: the mask logits of what is meant in it."""
        return [self._prompts(sighting) for sighting in self.sightings(video, sentences)]

    def words(self, sentence: str) -> Words:
        """A sentence as the network reads it, whatever its capitals and spaces.

        Raises:
            PvuwError: If the network has no vocabulary.
        """
        if self.tokenizer is None:
            raise PvuwError(
                "model.net.vocabulary: sentences need the words that the weights were trained "
                "with; give vocab.txt of bert-base-uncased"
            )
        return self.tokenizer(" ".join(sentence.lower().split()))

    def _prompts(self, sighting: Sighting) -> Mapping[int, Prompt]:
        kept = self.choice.kept(sighting.scores)

        def read(position: int) -> Prompt:
            logits = sighting.mask_logits(position)[kept]
            return TokenPrompt([MEANT], logits.flatten()[None])

        return LatePrompts(range(len(sighting) if kept else 0), [MEANT], read)

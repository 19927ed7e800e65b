"""ReferDINO-Plus: what ReferDINO finds prompts a network that follows masks, and both are fused."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from pvuw.errors import PvuwError
from pvuw.io.videos import Video
from pvuw.nets.base import VideoSegmenter
from pvuw.nets.copy_first import CopyFirstSession
from pvuw.nets.grounding import Grounder, LatePrompts
from pvuw.nets.referdino.conditional import ConditionalMaskFusion, fusion_of
from pvuw.nets.referdino.following import Seed, follow
from pvuw.nets.referdino.grounder import MEANT
from pvuw.nets.referdino.net import ReferDino
from pvuw.nets.referdino.spool import MaskSpool
from pvuw.nets.referdino.video import Sighting
from pvuw.ops.id_maps import resize_logits
from pvuw.types import MaskPrompt, Prompt


@dataclass(frozen=True)
class PromptChoice:
    """Which masks of ReferDINO's prompt: each from the frame where its object scores best."""

    threshold: float = 0.275
    """Objects that score above it in any frame prompt; without one the answer is empty."""
    one: bool = False
    """Only the object that scores best of all prompts."""

    def best_frames(self, scores: Tensor) -> dict[int, int]:
        """The frame of each object that prompts, by query.

        Args:
            scores: Of each query in each frame, in 0..1, float `[T, Q]`.

        Example:
            >>> import torch
            >>> scores = torch.tensor([[0.1, 0.4, 0.3], [0.1, 0.2, 0.9]])
            >>> PromptChoice().best_frames(scores), PromptChoice(one=True).best_frames(scores)
            ({1: 0, 2: 1}, {2: 1})
        """
        best, frames = scores.max(0)
        queries = (best > self.threshold).nonzero().flatten().tolist()
        if self.one and queries:
            queries = [int(best.argmax())]
        return {query: int(frames[query]) for query in queries}


AS_PUBLISHED = PromptChoice()
"""What prompts where a recipe says nothing else."""


class ReferDinoPlus(VideoSegmenter):
    """ReferDINO-Plus (Liang et al. 2025), second in the MeViS track of PVUW 2025.

    Report: https://arxiv.org/abs/2503.23509. Train the two networks apart from each other.

    Args:
        finder: ReferDINO; its own choice of what is meant does not count here.
        tracker: Follows the masks found from their best frames on, forward and backward; SAM 2.1
            large in the report.
        prompts: Which masks are followed; an empty mapping is the published rule.
        fusion: `report`, `upstream` or a rule: where what was found is added to what was tracked.
    """

    takes_masks = False

    def __init__(
        self,
        finder: ReferDino,
        tracker: VideoSegmenter,
        *,
        prompts: PromptChoice = AS_PUBLISHED,
        fusion: str | ConditionalMaskFusion = "report",
    ) -> None:
        super().__init__()
        if not tracker.takes_masks:
            raise PvuwError(f"tracker: {type(tracker).__name__} follows no masks; give Sam2, say")
        self.finder, self.tracker = finder, tracker
        rule = fusion_of(fusion) if isinstance(fusion, str) else fusion
        self.grounder = PlusGrounder(finder, tracker, prompts, rule)

    def start(self, num_frames: int | None = None, *, scale: float = 1.0) -> CopyFirstSession:
        """Begin a video: its grounder has a mask for every frame.

        Raises:
            PvuwError: If another scale than 1 is asked for.
        """
        del num_frames
        if scale != 1:
            raise PvuwError(f"inference.views.scales: ReferDinoPlus looks at scale 1, got {scale}")
        return CopyFirstSession()


class PlusGrounder(Grounder):
    """Finds, follows and fuses; see `ReferDinoPlus`."""

    def __init__(
        self,
        finder: ReferDino,
        tracker: VideoSegmenter,
        choice: PromptChoice,
        fusion: ConditionalMaskFusion,
    ) -> None:
        self.finder, self.tracker = finder.grounder, tracker
        self.choice, self.fusion = choice, fusion

    @torch.inference_mode()
    def look(self, video: Video, sentences: Sequence[str]) -> list[Mapping[int, Prompt]]:
        """A mask for every frame; none where nothing is found above the threshold."""
        seen = self.finder.sightings(video, sentences)
        sightings = [_Found(sighting, self.choice) for sighting in seen]
        size_hw = video.size_hw
        answers = [_Answer(size_hw) for _ in sightings]
        seeds = [
            Seed(frame, place, partial(found.mask, query, size_hw))
            for place, found in enumerate(sightings)
            for query, frame in found.frames.items()
        ]
        for frame, tracked in enumerate(follow(self.tracker, video, seeds)):
            for place, found in enumerate(sightings):
                if found.frames:
                    mask = tracked.get(place, torch.zeros(size_hw, dtype=torch.bool))
                    answers[place].add(mask, found.union(frame, size_hw), self.fusion)
        return [answer.prompts(self.fusion) for answer in answers]


class _Found:
    """What one sentence found, and which of it prompts."""

    def __init__(self, sighting: Sighting, choice: PromptChoice) -> None:
        self._sighting = sighting
        self.frames = choice.best_frames(sighting.scores)

    def mask(self, query: int, size_hw: tuple[int, int], frame: int) -> Tensor:
        """The mask of a query, bool `[H, W]`, on the CPU."""
        logits = self._sighting.mask_logits(frame)[[query]]
        return (resize_logits(logits, size_hw)[0] > 0).cpu()

    def union(self, frame: int, size_hw: tuple[int, int]) -> Tensor:
        """All of it, bool `[H, W]`, on the CPU."""
        logits = self._sighting.mask_logits(frame)[list(self.frames)]
        return (resize_logits(logits, size_hw) > 0).any(0).cpu()


class _Answer:
    """The masks of one sentence, tracked and found, on disk until all are known."""

    def __init__(self, size_hw: tuple[int, int]) -> None:
        self._masks = MaskSpool(size_hw)
        self._tracked: list[int] = []
        self._found: list[int] = []

    def add(self, tracked: Tensor, found: Tensor, fusion: ConditionalMaskFusion) -> None:
        """Take the masks of the next frame, bool `[H, W]`."""
        frame = len(self._tracked)
        for mask, areas, name in (
            (tracked, self._tracked, "tracked"),
            (found, self._found, "found"),
        ):
            areas += fusion.areas(mask[None])
            self._masks.put((frame, name), mask)

    def prompts(self, fusion: ConditionalMaskFusion) -> LatePrompts:
        """The fused mask of every frame."""
        joined = fusion.joined(self._tracked, self._found)

        def read(frame: int) -> Prompt:
            names = ("tracked", "found") if joined[frame] else ("tracked",)
            kept = [mask for name in names if (mask := self._masks.get((frame, name))) is not None]
            return MaskPrompt([MEANT], torch.stack(kept).any(0, keepdim=True))

        return LatePrompts(range(len(joined)), [MEANT], read)

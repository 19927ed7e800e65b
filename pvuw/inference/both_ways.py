"""Objects that are prompted late, followed back to the start of the video."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from pvuw.inference.prompting import Prompts
from pvuw.inference.scores import FrameScores, ScoreStream
from pvuw.inference.shared import ReversedVideo
from pvuw.io.videos import Video
from pvuw.ops.id_maps import resize_logits
from pvuw.types import FrameOutput

Runner = Callable[[Video, Prompts], ScoreStream]
"""Scores the frames of a video under given prompts."""


def score_both_ways(video: Video, prompts: Prompts, run: Runner) -> ScoreStream:
    """Scores of all frames, with late objects also on the frames before their prompt.

    A backward run starts at the last prompted frame and keeps, on disk, what it says of each object
    before that object's first prompt; the forward run then has those slots added to its own. From
    its first prompt on an object is the forward run's alone. Without late prompts this is the
    forward run and nothing else.

    Args:
        video: Its frames.
        prompts: Of the whole video.
        run: Scores a video from its first frame to its last.
    """
    first_prompt = {i: t for t in sorted(prompts.ids, reverse=True) for i in prompts.ids[t]}
    last = max(prompts.ids, default=0)
    with tempfile.TemporaryDirectory(prefix="pvuw-backward-") as folder:
        if last > 0:
            for scores in run(ReversedVideo(video, last + 1), prompts.mirrored()):
                _keep(Path(folder), last - scores.frame_idx, scores.output, first_prompt)
        for scores in run(video, prompts):
            yield _with_kept(scores, Path(folder) / f"{scores.frame_idx}.pt")


def _keep(folder: Path, frame_idx: int, output: FrameOutput, first_prompt: dict[int, int]) -> None:
    """Write the slots of objects whose first prompt is still to come."""
    slots = [s for s, i in enumerate(output.object_ids) if first_prompt[i] > frame_idx]
    if slots:
        kept = {
            name: value[slots] if isinstance(value, Tensor) else value
            for name, value in vars(output).items()
        } | {"object_ids": [output.object_ids[s] for s in slots]}
        torch.save(kept, folder / f"{frame_idx}.pt")


def _with_kept(scores: FrameScores, path: Path) -> FrameScores:
    if not path.exists():
        return scores
    kept = FrameOutput(**torch.load(path, weights_only=True))
    size_hw = (scores.mask_logits.shape[-2], scores.mask_logits.shape[-1])
    late = resize_logits(kept.mask_logits.float(), size_hw)
    early, joined = scores.output, _Joiner(len(scores.object_ids), len(kept.object_ids))
    output = FrameOutput(
        object_ids=early.object_ids + kept.object_ids,
        mask_logits=torch.cat([scores.mask_logits, late]),
        objects_compete=kept.objects_compete,
        presence_logits=joined.where_both_say(early.presence_logits, kept.presence_logits),
        predicted_iou=joined.where_both_say(early.predicted_iou, kept.predicted_iou),
        has_opinion=joined.true_where_silent(early.has_opinion, kept.has_opinion),
    )
    return replace(scores, output=output, mask_logits=output.mask_logits)


@dataclass(frozen=True)
class _Joiner:
    """Joins what the forward run says of its slots to what was kept for the late ones."""

    early: int
    late: int

    def where_both_say(self, early: Tensor | None, late: Tensor | None) -> Tensor | None:
        if late is None or (early is None and self.early):
            return None
        return late if early is None else torch.cat([early, late])

    def true_where_silent(self, early: Tensor | None, late: Tensor | None) -> Tensor | None:
        if early is None and late is None:
            return None
        sides = [
            torch.ones(count, dtype=torch.bool) if side is None else side.cpu()
            for count, side in ((self.early, early), (self.late, late))
        ]
        return torch.cat(sides)

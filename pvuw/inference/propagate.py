"""A video's frames through a network and the steps of a recipe, one frame at a time."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial, reduce
from typing import Literal

from torch import Tensor

from pvuw.inference.both_ways import score_both_ways
from pvuw.inference.lockstep import SizeOf, score_frames
from pvuw.inference.prompting import Prompter, PromptPolicy, ReplayedPrompts, prompt_plan
from pvuw.inference.scores import ScoreStream
from pvuw.inference.steps.base import MaskStep, ScoreStep
from pvuw.inference.views import ViewConfig
from pvuw.io.videos import Video
from pvuw.nets.base import VideoSegmenter
from pvuw.ops.id_maps import logits_to_id_map
from pvuw.types import FramePrediction


@dataclass
class InferenceConfig:
    """How a network is run over a whole video, and what happens to its masks.

    The order is fixed: views, propagation, fusion of the views, `score_steps` in their order,
    strongest object per pixel, `mask_steps` in their order, writing.
    """

    prompts: PromptPolicy = "first"
    """Which annotated frames prompt: `first`, the first with objects (MOSE, DAVIS); `new_objects`,
    every frame that shows an id for the first time, for that id (YouTube-VOS); `all`, each frame
    that has a mask, for all its ids."""
    direction: Literal["forward", "both"] = "forward"
    """`both`: objects that are prompted late are also followed back to the first frame. Evaluation
    of YouTube-VOS and MOSE does not ask for it."""
    views: ViewConfig = field(default_factory=ViewConfig)
    """Test-time augmentation; by default one view, the video itself."""
    score_steps: list[ScoreStep] = field(default_factory=list)
    """Steps on scores, such as `ConfidenceControl` and `TemporalFusion`."""
    mask_steps: list[MaskStep] = field(default_factory=list)
    """Steps on finished id maps, such as `CloseGaps`."""
    prefetch: int = 4
    """Frames decoded ahead by a background thread."""

    def __post_init__(self) -> None:
        if self.prefetch < 1:
            raise ValueError(f"inference.prefetch must be at least 1, got {self.prefetch}")


def propagate(
    net: VideoSegmenter,
    video: Video,
    config: InferenceConfig,
    *,
    size_of: SizeOf | None = None,
) -> Iterator[FramePrediction]:
    """Predictions of every frame of a video, in order, computed as they are asked for.

    Frames before the first prompt come out as background. In memory are `config.prefetch` frames,
    one session for each view and what the steps look ahead, whatever the video's length.

    Args:
        net: The network, in eval mode, on the device it shall run on.
        video: Frames and the annotations that may prompt.
        config: Views, steps, prompt policy and read-ahead.
        size_of: At which size frames and id maps come out, given a frame's; default: the same.
            Frames enter the network as they are.

    Raises:
        DataError: For an unreadable frame or mask, or a video that never shows an object.
    """
    video.check()
    Prompter(video, config.prompts).require_object()
    names = video.frame_names
    steps = config.score_steps
    stream = reduce(
        lambda frames, step: step.run(frames), steps, _scores(net, video, config, size_of)
    )
    for scores in stream:
        id_map = logits_to_id_map(scores.mask_logits, scores.object_ids).cpu()
        yield FramePrediction(
            frame_idx=scores.frame_idx,
            frame_name=names[scores.frame_idx],
            frame=scores.frame,
            id_map=_finished(id_map, config.mask_steps),
            output=scores.output,
            objects_compete=scores.objects_compete,
        )


def _scores(
    net: VideoSegmenter, video: Video, config: InferenceConfig, size_of: SizeOf | None
) -> ScoreStream:
    score = partial(
        score_frames, net, views=config.views, prefetch=config.prefetch, size_of=size_of
    )
    if config.direction == "forward":
        prompts = partial(Prompter, video, config.prompts)
        return score(video, prompts=prompts)

    def run(shown: Video, replayed: ReplayedPrompts) -> ScoreStream:
        return score(shown, prompts=lambda: replayed)

    return score_both_ways(video, prompt_plan(video, config.prompts), run)


def _finished(id_map: Tensor, steps: list[MaskStep]) -> Tensor:
    return reduce(lambda ids, step: step.apply(ids), steps, id_map)

"""A video's frames through a network and the steps of a recipe, one frame at a time."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial, reduce
from typing import Literal

from pvuw.errors import PvuwError
from pvuw.inference.both_ways import score_both_ways
from pvuw.inference.lockstep import SizeOf, score_frames
from pvuw.inference.prompting import PromptPolicy, PromptReader, Prompts
from pvuw.inference.shared import SharedVideo
from pvuw.inference.steps.base import MaskStep, ScoreStep
from pvuw.inference.views import ViewConfig
from pvuw.io.queries import Query
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
    queries_at_once: int = 8
    """Queries of one video that are run side by side, each with sessions of its own."""

    def __post_init__(self) -> None:
        for name in ("prefetch", "queries_at_once"):
            if getattr(self, name) < 1:
                raise ValueError(f"inference.{name} must be at least 1, got {getattr(self, name)}")


def propagate(
    net: VideoSegmenter,
    query: Query,
    config: InferenceConfig,
    *,
    size_of: SizeOf | None = None,
) -> Iterator[FramePrediction]:
    """Predictions of every frame of a video, in order, computed as they are asked for.

    Frames before the first prompt come out as background. In memory are `config.prefetch` frames,
    one session for each view and what the steps look ahead, whatever the video's length.

    Args:
        net: The network, in eval mode, on the device it shall run on.
        query: What is asked of which video.
        config: Views, steps, prompt policy and read-ahead.
        size_of: At which size frames and id maps come out, given a frame's; default: the same.
            Frames enter the network as they are.

    Raises:
        DataError: For an unreadable frame or mask, or masks that never show an object.
    """
    return propagate_all(net, [query], config, size_of=size_of)[0]


def propagate_all(
    net: VideoSegmenter,
    queries: Sequence[Query],
    config: InferenceConfig,
    *,
    size_of: SizeOf | None = None,
) -> list[Iterator[FramePrediction]]:
    """The predictions of several queries of one video, to be advanced in turns.

    Turn by turn they ask for the same frames, which are then decoded once and shared; sentences go
    to the network's grounder together. Arguments: see `propagate`.

    Raises:
        PvuwError: If a sentence is asked of a mirrored or turned view, where left is elsewhere.
    """
    if any(isinstance(query.prompt, str) for query in queries):
        for view in config.views.views():
            if view.flip or view.rotation:
                raise PvuwError(
                    "inference.views: words mean something else in a mirrored or turned view "
                    f"({view.name}); leave flips at [false] and rotations at [0]"
                )
    video = queries[0].video
    if len(queries) > 1:
        video = SharedVideo(video, keep=2 * config.prefetch + 2)
    prompts_of = PromptReader(net, queries, config.prompts)
    return [
        _predictions(net, video, partial(prompts_of, query), config, size_of) for query in queries
    ]


def _predictions(
    net: VideoSegmenter,
    video: Video,
    read_prompts: Callable[[], Prompts],
    config: InferenceConfig,
    size_of: SizeOf | None,
) -> Iterator[FramePrediction]:
    video.check()
    prompts = read_prompts()
    score = partial(
        score_frames, net, views=config.views, prefetch=config.prefetch, size_of=size_of
    )
    stream = (
        score(video, prompts=prompts)
        if config.direction == "forward"
        else score_both_ways(video, prompts, lambda shown, own: score(shown, prompts=own))
    )
    names = video.frame_names
    for scores in reduce(lambda frames, step: step.run(frames), config.score_steps, stream):
        id_map = logits_to_id_map(scores.mask_logits, scores.object_ids).cpu()
        yield FramePrediction(
            frame_idx=scores.frame_idx,
            frame_name=names[scores.frame_idx],
            frame=scores.frame,
            id_map=reduce(lambda ids, step: step.apply(ids), config.mask_steps, id_map),
            output=scores.output,
        )

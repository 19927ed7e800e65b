"""One propagation: a video's frames through a network's session, one frame at a time."""

from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from pvuw.errors import DataError
from pvuw.io.prefetch import prefetch_frames
from pvuw.io.videos import Video
from pvuw.nets.base import VideoSegmenter
from pvuw.ops.id_maps import logits_to_id_map, resize_logits
from pvuw.types import FramePrediction, Prompt

PromptPolicy = Literal["first", "new_objects", "all"]


@dataclass
class InferenceConfig:
    """How a network is run over a whole video."""

    prompts: PromptPolicy = "first"
    """Which annotated frames prompt: `first`, the first with objects (MOSE, DAVIS); `new_objects`,
    every frame that shows an id for the first time, for that id (YouTube-VOS); `all`, each frame
    that has a mask, for all its ids."""
    prefetch: int = 4
    """Frames decoded ahead by a background thread; the only frames in memory."""

    def __post_init__(self) -> None:
        if self.prefetch < 1:
            raise ValueError(f"inference.prefetch must be at least 1, got {self.prefetch}")


class Prompter:
    """Turns a video's annotations into prompts under a policy; counts what it has given."""

    def __init__(self, video: Video, policy: PromptPolicy) -> None:
        self.video = video
        self.policy = policy
        self.given: list[int] = []

    def at(self, frame_idx: int) -> Prompt | None:
        """The prompt of a frame, or None; call once per frame, in order."""
        if frame_idx not in self.video.annotation_paths or (self.policy == "first" and self.given):
            return None
        prompt = Prompt.from_id_map(self.video.read_annotation(frame_idx))
        if self.policy != "all":
            fresh = [slot for slot, i in enumerate(prompt.object_ids) if i not in self.given]
            prompt = Prompt([prompt.object_ids[s] for s in fresh], prompt.masks[fresh])
        self.given += [i for i in prompt.object_ids if i not in self.given]
        return prompt if prompt.object_ids else None

    def require_object(self) -> None:
        """Raise unless some annotation of the video shows an object.

        Raises:
            DataError: Naming the video and its annotations.
        """
        masks = self.video.annotation_paths
        if any(bool(self.video.read_annotation(i).any()) for i in sorted(masks)):
            return
        where = ", ".join(str(masks[i]) for i in sorted(masks)[:3])
        raise DataError(
            f"video {self.video.video_id}: no object to follow, "
            + (f"the masks show background only ({where}); " if where else "it has no mask; ")
            + "put a palette PNG with ids 1..255 beside its first frame"
        )


def propagate(
    net: VideoSegmenter, video: Video, config: InferenceConfig
) -> Iterator[FramePrediction]:
    """Predictions of every frame of a video, in order, computed as they are asked for.

    Frames before the first prompt come out as background. At most `config.prefetch` frames and one
    session's state are in memory, whatever the video's length.

    Args:
        net: The network, in eval mode, on the device it shall run on.
        video: Frames and the annotations that may prompt.
        config: Prompt policy and read-ahead.

    Raises:
        DataError: For an unreadable frame or mask, or a video that never shows an object.
    """
    video.check()
    prompter = Prompter(video, config.prompts)
    prompter.require_object()
    session = net.start(num_frames=len(video))
    names = video.frame_names
    with closing(prefetch_frames(video, depth=config.prefetch)) as frames:
        for frame_idx, frame, next_frame in with_next(frames, wanted=net.reads_next_frame):
            output = session.step(
                frame,
                prompter.at(frame_idx),
                last=frame_idx + 1 == len(video),
                next_frame=next_frame,
            )
            size_hw = (frame.shape[-2], frame.shape[-1])
            logits = resize_logits(output.mask_logits.float(), size_hw)
            yield FramePrediction(
                frame_idx=frame_idx,
                frame_name=names[frame_idx],
                frame=frame,
                id_map=logits_to_id_map(logits, output.object_ids).cpu(),
                output=output,
            )


def with_next(
    frames: Iterable[tuple[int, Tensor]], *, wanted: bool = True
) -> Iterator[tuple[int, Tensor, Tensor | None]]:
    """Yield each position and frame with the frame that follows it.

    Args:
        frames: Positions and frames in order.
        wanted: False: None stands for every following frame, and nothing is read ahead.
    """
    if not wanted:
        yield from ((frame_idx, frame, None) for frame_idx, frame in frames)
        return
    upcoming = iter(frames)
    current = next(upcoming, None)
    while current is not None:
        following = next(upcoming, None)
        yield *current, None if following is None else following[1]
        current = following

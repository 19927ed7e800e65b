"""All views of a video side by side, frame by frame, each with a memory of its own.

Views of one scale are the network's to run together (`VideoSegmenter.start_views`). What is held is
their memory and the sums of one frame: no view's masks are stored, so memory does not grow with the
video. Where not all views fit, groups of them run over the video in turn and the sums wait on disk
between them.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import TypeVar

import torch
from torch import Tensor

from pvuw.inference.fusion import ViewSums, view_sums
from pvuw.inference.prompting import Prompts
from pvuw.inference.scores import FrameScores, ScoreStream
from pvuw.inference.spool import SumsSpool
from pvuw.inference.views import Fusion, View, ViewConfig
from pvuw.io.prefetch import prefetch as prefetch_items
from pvuw.io.videos import Video
from pvuw.nets.base import VideoSegmenter, ViewsSession
from pvuw.ops.id_maps import resize_logits, resize_nearest
from pvuw.types import FrameOutput, Prompt

T = TypeVar("T")
Pictures = dict[float, Tensor]
"""What a network makes of a frame at each scale, uint8 `[3, h, w]`."""


@dataclass
class Shown:
    """A frame on its way to the sessions of all views."""

    frame_idx: int
    frame: Tensor
    """As it was read, uint8 `[3, H, W]`, on the CPU."""
    pictures: Pictures
    """On the network's device."""
    prompt: Prompt | None
    next_pictures: Pictures | None
    """Those of the frame after it, where the network wants them and there is one."""


Sessions = Sequence[tuple[Sequence[View], ViewsSession]]
"""Views of one scale each, and what follows them."""
SizeOf = Callable[[tuple[int, int]], tuple[int, int]]
"""From height and width of a frame to those its masks are made at."""


def score_frames(
    net: VideoSegmenter,
    video: Video,
    *,
    prompts: Prompts,
    views: ViewConfig,
    prefetch: int,
    size_of: SizeOf | None = None,
) -> ScoreStream:
    """Scores of every frame of a video, in order, fused over views.

    Args:
        net: The network, in eval mode.
        video: Its frames.
        prompts: What is told of the objects, and when.
        views: What the network is shown, and how its answers become one.
        prefetch: Frames decoded ahead.
        size_of: At which size frames and scores come out; default: that of the frames. The network
            and its prompts are not concerned.

    Raises:
        DataError: For an unreadable frame or mask.
    """
    shown = partial(_show, net, video, prompts, prefetch)
    *earlier, final = views.groups()
    with ExitStack() as stack:
        spool = stack.enter_context(SumsSpool()) if earlier else None
        for group in earlier:
            assert spool is not None
            sessions = _start(net, len(video), group)
            for item in shown({view.scale for view in group}):
                before = spool.load(item.frame_idx)
                outputs = _step(sessions, item, last=item.frame_idx + 1 == len(video))
                size_hw = _size(item.frame, size_of)
                spool.save(item.frame_idx, _sum(outputs, size_hw, before, views.fusion)[1])
        sessions = _start(net, len(video), final)
        alone = len(views.views()) == 1
        for item in shown({view.scale for view in final}):
            frame_idx, frame = item.frame_idx, item.frame
            size_hw = _size(frame, size_of)
            outputs = _step(sessions, item, last=frame_idx + 1 == len(video))
            if alone:
                output = next(outputs)
                mask_logits = resize_logits(output.mask_logits.float(), size_hw)
            else:
                before = spool.load(frame_idx) if spool else None
                one, sums = _sum(outputs, size_hw, before, views.fusion)
                mask_logits = sums.mask_logits()
                output = sums.output(one, mask_logits)
            shown_frame = resize_nearest(frame, size_hw)
            yield FrameScores(frame_idx, shown_frame, output, mask_logits)


def _start(net: VideoSegmenter, num_frames: int, views: Sequence[View]) -> Sessions:
    """Begin a video in some views; those of one scale that follow each other go together."""
    by_scale = [(scale, list(some)) for scale, some in groupby(views, lambda view: view.scale)]
    return [
        (some, net.start_views(num_frames, scale=scale, count=len(some)))
        for scale, some in by_scale
    ]


def _show(
    net: VideoSegmenter, video: Video, prompts: Prompts, prefetch: int, scales: Iterable[float]
) -> Iterator[Shown]:
    """Yield frames with their prompts, and with the frame after them where it is wanted.

    Frames are resized where they are decoded, once for each scale, and go to the device while it
    works on earlier ones.
    """
    device = next((p.device for p in net.parameters()), torch.device("cpu"))

    def read(position: int) -> tuple[Tensor, Pictures]:
        frame = video.read_frame(position)
        pictures = {scale: net.picture(frame, scale=scale) for scale in scales}
        if device.type == "cuda":  # only from pinned memory does a copy leave the thread free
            pictures = {scale: picture.pin_memory() for scale, picture in pictures.items()}
        return frame, pictures

    video.check()
    with closing(prefetch_items(read, len(video), depth=prefetch)) as frames:
        pairs = with_next(frames, wanted=net.reads_next_frame)
        for frame_idx, ((frame, pictures), following) in enumerate(pairs):
            yield Shown(
                frame_idx,
                frame,
                _moved(pictures, device),
                prompts.at(frame_idx),
                None if following is None else _moved(following[1], device),
            )


def _moved(pictures: Pictures, device: torch.device) -> Pictures:
    return {scale: p.to(device, non_blocking=True) for scale, p in pictures.items()}


def with_next(items: Iterable[T], *, wanted: bool = True) -> Iterator[tuple[T, T | None]]:
    """Yield each item with the one that follows it.

    Args:
        items: Such as frames in order.
        wanted: False: None stands for everything that follows, and nothing is read ahead.
    """
    if not wanted:
        yield from ((item, None) for item in items)
        return
    upcoming = iter(items)
    current = next(upcoming, None)
    while current is not None:
        following = next(upcoming, None)
        yield current, following
        current = following


def _size(frame: Tensor, size_of: SizeOf | None) -> tuple[int, int]:
    """Height and width that scores of a frame `[3, H, W]` come out at."""
    size_hw = (frame.shape[-2], frame.shape[-1])
    return size_hw if size_of is None else size_of(size_hw)


def _step(sessions: Sessions, item: Shown, *, last: bool) -> Iterator[FrameOutput]:
    """Yield what each view says about a frame, turned back, one after the other."""
    following = item.next_pictures
    for views, session in sessions:
        outputs = session.step_views(
            [view.show(item.pictures[view.scale]) for view in views],
            [view.show_prompt(item.prompt) for view in views],
            last=last,
            next_frames=[view.show(following[view.scale]) for view in views]
            if following is not None
            else None,
        )
        for view, output in zip(views, outputs, strict=True):
            output.mask_logits = view.restore(output.mask_logits)
            yield output


def _sum(
    outputs: Iterator[FrameOutput],
    size_hw: tuple[int, int],
    before: ViewSums | None,
    fusion: Fusion,
) -> tuple[FrameOutput, ViewSums]:
    """Add views to the sums of those before, in order: groups do not change the rounding."""
    sums, one = before, None
    for output in outputs:
        if one is not None and output.object_ids != one.object_ids:
            raise RuntimeError(
                f"views follow different objects: {one.object_ids} and {output.object_ids}"
            )
        one = output
        mask_logits = resize_logits(output.mask_logits.float(), size_hw)
        part = view_sums(output, mask_logits, fusion=fusion)
        sums = part if sums is None else sums + part
    assert one is not None, "a group has at least one view"
    assert sums is not None
    return one, sums

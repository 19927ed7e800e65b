"""All views of a video side by side, frame by frame, each with a memory of its own.

What is held is one session a view and the sums of one frame: no view's masks are stored, so memory
does not grow with the video. Where sessions of all views do not fit, groups of views run over the
video in turn and the sums wait on disk between them.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from functools import partial

from torch import Tensor

from pvuw.inference.fusion import ViewSums, view_sums
from pvuw.inference.prompting import Prompts
from pvuw.inference.scores import FrameScores, ScoreStream
from pvuw.inference.spool import SumsSpool
from pvuw.inference.views import Fusion, View, ViewConfig
from pvuw.io.prefetch import prefetch_frames
from pvuw.io.videos import Video
from pvuw.nets.base import VideoSegmenter, VideoSession
from pvuw.ops.id_maps import resize_logits, resize_nearest
from pvuw.types import FrameOutput, Prompt

Shown = tuple[int, Tensor, Prompt | None, Tensor | None]
"""Position, frame, prompt and, where the network wants it, the next frame."""


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
    shown = partial(_show, video, prompts, prefetch, wants_next=net.reads_next_frame)
    start = partial(net.start, len(video))
    *earlier, final = views.groups()
    with ExitStack() as stack:
        spool = stack.enter_context(SumsSpool()) if earlier else None
        for group in earlier:
            assert spool is not None
            sessions = [(view, start(scale=view.scale)) for view in group]
            for item in shown():
                before = spool.load(item[0])
                outputs = _step(sessions, item, last=item[0] + 1 == len(video))
                size_hw = _size(item[1], size_of)
                spool.save(item[0], _sum(outputs, size_hw, before, views.fusion)[1])
        sessions = [(view, start(scale=view.scale)) for view in final]
        alone = len(views.views()) == 1
        for item in shown():
            frame_idx, frame = item[:2]
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


def _show(video: Video, prompts: Prompts, prefetch: int, *, wants_next: bool) -> Iterator[Shown]:
    """Yield frames with their prompts, and with the frame after them where it is wanted."""
    with closing(prefetch_frames(video, depth=prefetch)) as frames:
        for frame_idx, frame, next_frame in with_next(frames, wanted=wants_next):
            yield frame_idx, frame, prompts.at(frame_idx), next_frame


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


def _size(frame: Tensor, size_of: SizeOf | None) -> tuple[int, int]:
    """Height and width that scores of a frame `[3, H, W]` come out at."""
    size_hw = (frame.shape[-2], frame.shape[-1])
    return size_hw if size_of is None else size_of(size_hw)


def _step(
    sessions: Sequence[tuple[View, VideoSession]], item: Shown, *, last: bool
) -> Iterator[FrameOutput]:
    """Yield what each view says about a frame, turned back, one after the other."""
    _, frame, prompt, next_frame = item
    for view, session in sessions:
        output = session.step(
            view.show(frame),
            view.show_prompt(prompt),
            last=last,
            next_frame=None if next_frame is None else view.show(next_frame),
        )
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

"""Masks of several sentences followed through a video by one network, forward and backward."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from pvuw.io.videos import Video
from pvuw.nets.base import VideoSegmenter
from pvuw.nets.referdino.spool import MaskSpool
from pvuw.ops.id_maps import resize_logits
from pvuw.types import FrameOutput, MaskPrompt


class Seed(NamedTuple):
    """A mask to follow."""

    frame: int
    """Where it is given."""
    sentence: int
    """Whose it is."""
    read: Callable[[int], Tensor]
    """Makes the mask of a frame, bool `[H, W]`."""


def follow(
    tracker: VideoSegmenter, video: Video, seeds: Sequence[Seed]
) -> Iterator[dict[int, Tensor]]:
    """Yield for each frame the union of each sentence's masks, bool `[H, W]`, on the CPU.

    All masks of all sentences are objects of one session, so that a frame is encoded once for them.
    Each is followed from its own frame to both ends; what the way back finds waits on disk.

    Args:
        tracker: Follows masks, in eval mode.
        video: Its frames.
        seeds: The masks; a sentence without one is in no result.
    """
    last = max((seed.frame for seed in seeds), default=0)
    back = MaskSpool(video.size_hw)
    if last > 0:
        for frame, output in _pass(tracker, video, seeds, range(last, -1, -1)):
            early = [slot for slot in output.object_ids if seeds[slot - 1].frame > frame]
            for sentence, mask in _unions(output, seeds, video.size_hw, early).items():
                back.put((frame, sentence), mask)
    asked = {seed.sentence for seed in seeds}
    for frame, output in _pass(tracker, video, seeds, range(len(video))):
        masks = _unions(output, seeds, video.size_hw, output.object_ids)
        for sentence in asked:
            before = back.get((frame, sentence))
            if before is not None:
                masks[sentence] = masks[sentence] | before if sentence in masks else before
        yield masks


def _pass(
    tracker: VideoSegmenter, video: Video, seeds: Sequence[Seed], frames: range
) -> Iterator[tuple[int, FrameOutput]]:
    """Yield what the network says of each frame in this order; an object is its seed + 1."""
    if not seeds:
        yield from ((frame, _NOTHING) for frame in frames)
        return
    given: dict[int, list[int]] = defaultdict(list)
    for slot, seed in enumerate(seeds, 1):
        given[seed.frame].append(slot)
    session = tracker.start(len(frames))
    for frame, following in pairwise([*frames, None]):
        assert frame is not None
        prompt = None
        if slots := given.get(frame):
            masks = [seeds[slot - 1].read(frame) for slot in slots]
            prompt = MaskPrompt(slots, torch.stack(masks))
        ahead = following is not None and tracker.reads_next_frame
        yield (
            frame,
            session.step(
                video.read_frame(frame),
                prompt,
                last=following is None,
                next_frame=video.read_frame(following) if ahead and following is not None else None,
            ),
        )


_NOTHING = FrameOutput([], torch.zeros(0, 1, 1))


def _unions(
    output: FrameOutput, seeds: Sequence[Seed], size_hw: tuple[int, int], slots: Sequence[int]
) -> dict[int, Tensor]:
    """Of each sentence the union of those of its objects that `slots` names, bool `[H, W]`."""
    found: dict[int, Tensor] = {}
    for slot, logits in zip(output.object_ids, output.mask_logits, strict=True):
        if slot in slots:
            sentence = seeds[slot - 1].sentence
            mask = (resize_logits(logits[None].float(), size_hw)[0] > 0).cpu()
            found[sentence] = found[sentence] | mask if sentence in found else mask
    return found

"""One training clip, and how clips become the batch a network trains on."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pvuw.errors import DataError
from pvuw.types import VideoBatch


@dataclass
class ClipSample:
    """One training clip."""

    video_id: str
    frames: Tensor
    """RGB, uint8 `[T, 3, H, W]`."""
    masks: Tensor
    """Masks of the clip's objects, bool `[T, N, H, W]`."""
    object_ids: list[int]
    """File id of each object, length `N`."""
    frame_idx: Tensor
    """Position of each frame in its video, int64 `[T]`."""
    void: Tensor | None = None
    """Pixels without ground truth, bool `[T, H, W]`; None where every pixel has one."""
    seed: int | None = None
    """Seed of its augmentation, 0..2^63 - 1; None: it cannot be augmented."""
    pixel_aspect: float = 1.0
    """Scene width over scene height that a pixel covers."""
    sentences: list[str] | None = None
    """Sentence of each slot, length `N`; None where slots are objects."""


def collate_clips(samples: Sequence[ClipSample]) -> VideoBatch:
    """Return clips as one batch; clips with fewer objects get empty slots at the end.

    Raises:
        DataError: If the clips differ in shape, as `clip.fit=keep` lets them.
        ValueError: If some have sentences and others none.
    """
    shapes = {tuple(sample.frames.shape) for sample in samples}
    if len(shapes) > 1:
        listed = ", ".join(f"{s.video_id} {list(s.frames.shape[-2:])}" for s in samples)
        raise DataError(
            f"clips of one batch differ in height or width ({listed}); set data.batch_size to 1 or "
            "data.clip.fit to stretch or crop"
        )
    num_objects = [len(sample.object_ids) for sample in samples]
    voids = None
    if any(sample.void is not None for sample in samples):
        voids = torch.stack([_void_of(sample) for sample in samples])
    seeds = [sample.seed for sample in samples if sample.seed is not None]
    sentences = [sample.sentences for sample in samples if sample.sentences is not None]
    if sentences and len(sentences) < len(samples):
        lacking = next(sample.video_id for sample in samples if sample.sentences is None)
        raise ValueError(f"{lacking} has no sentences, others of its batch do")
    return VideoBatch(
        frames=torch.stack([sample.frames for sample in samples]),
        masks=torch.stack([_pad_slots(sample.masks, max(num_objects)) for sample in samples]),
        num_objects=num_objects,
        object_ids=[sample.object_ids for sample in samples],
        video_ids=[sample.video_id for sample in samples],
        frame_idx=torch.stack([sample.frame_idx for sample in samples]),
        void=voids,
        clip_seeds=seeds if len(seeds) == len(samples) else None,
        pixel_aspect=[sample.pixel_aspect for sample in samples],
        sentences=sentences or None,
    )


def _pad_slots(masks: Tensor, num_slots: int) -> Tensor:
    num_frames, num_objects, height, width = masks.shape
    missing = num_slots - num_objects
    return torch.cat([masks, masks.new_zeros(num_frames, missing, height, width)], dim=1)


def _void_of(sample: ClipSample) -> Tensor:
    if sample.void is not None:
        return sample.void
    num_frames, _, height, width = sample.frames.shape
    return torch.zeros(num_frames, height, width, dtype=torch.bool)

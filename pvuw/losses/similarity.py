"""Similarity of an object's features in a frame to its features in the frames it remembers.

The second-placed entry of the PVUW 2025 MOSE track (MASSeg, "DeepSegMa", Cao et al., 2025,
https://arxiv.org/abs/2504.10254) trains with `CE + Dice + Sim + MaskIoU` and describes Sim only as
"similarity between memory and query features": no formula, no layer, no weight. What follows is
this project's reading of it.

- Features are averaged over the object's true pixels, so that Sim compares objects and not places.
- A frame is compared with each frame it read from memory in which the object is visible too.
- The memory side is detached. The loss then draws the features a frame is decoded from towards what
  the encoder says about the object, and cannot be lowered by making all encoder features alike.
- There is no projection: query features are the image features plus what memory attention added, so
  both sides live in the same space, and the weights keep their official layout.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class SimilarityConfig:
    """What Sim compares, and whether look-alikes are pushed apart."""

    detach_memory: bool = True
    """Let gradients into the query side only."""
    contrast_weight: float = 0.0
    """Weight of the contrast against the other objects of the same clip, beside `1 - cosine`."""
    temperature: float = 0.1
    """Cosines are divided by this in the contrast: the smaller, the harder look-alikes count."""

    def __post_init__(self) -> None:
        """Refuse values that have no meaning."""
        if self.temperature <= 0:
            raise ValueError(f"similarity.temperature must be above 0, got {self.temperature}")
        if self.contrast_weight < 0:
            raise ValueError(
                f"similarity.contrast_weight must not be negative, got {self.contrast_weight}"
            )


ATTRACT = SimilarityConfig()
"""`1 - cosine` alone, into the query side."""


def object_features(features: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
    """Mean feature of each object in each frame, and where the object is visible at all.

    Masks are averaged down to the feature grid: a cell counts by the share of it the object covers,
    so that an object smaller than a cell still has a feature.

    Args:
        features: Float `[T, O, C, h, w]`.
        masks: Bool `[T, O, H, W]`.

    Returns:
        Float32 `[T, O, C]`, zeros where the object is not visible, and bool `[T, O]`.

    Example:
        >>> features = torch.tensor([1.0, 5.0]).view(1, 1, 1, 1, 2)
        >>> mask = torch.tensor([True, True, True, False]).view(1, 1, 1, 4)
        >>> pooled, visible = object_features(features, mask)
        >>> round(pooled.item(), 4), visible.item()
        (2.3333, True)
    """
    height, width = features.shape[-2:]
    cover = functional.adaptive_avg_pool2d(masks.float(), (height, width))
    area = cover.sum((-2, -1))
    pooled = torch.einsum("tochw,tohw->toc", features.float(), cover)
    visible = area > 0
    return pooled / area.where(visible, 1.0)[..., None], visible


def similarity_loss(
    query: tuple[Tensor, Tensor],
    memory: tuple[Tensor, Tensor],
    *,
    memory_frames: Sequence[Sequence[int]],
    object_to_clip: Sequence[int],
    config: SimilarityConfig = ATTRACT,
) -> Tensor:
    """Mean over the memory frames of `1 - cos(query, memory)`, for each object in each frame.

    With `contrast_weight` w > 0 each pair of frames also costs w times
    `-log softmax_k(cos(query of o, memory of k) / temperature)` at `k = o`, where `k` runs over the
    objects of the same clip visible in the memory frame (InfoNCE: van den Oord et al., 2018, eq. 4,
    https://arxiv.org/abs/1807.03748). It is 0 for an object that is alone.

    Args:
        query: Pooled features each frame was decoded from and where they exist, as
            `object_features` returns them: `[T, O, C]` and bool `[T, O]`.
        memory: The same for the features of each frame as it enters memory.
        memory_frames: Per frame the frames it read, length `T`.
        object_to_clip: Clip of each object, length `O`.
        config: Which sides get gradients; contrast.

    Returns:
        Float32 `[T, O]`; 0 where an object shares no visible frame with its memory.
    """
    (query_features, query_visible), (memory_features, memory_visible) = query, memory
    if config.detach_memory:
        memory_features = memory_features.detach()
    device = query_features.device
    pairs = [(t, m) for t, frames in enumerate(memory_frames) for m in frames]
    pair_idx = torch.tensor(pairs, dtype=torch.int64, device=device).reshape(-1, 2)
    query_idx, memory_idx = pair_idx.unbind(1)

    unit_query = functional.normalize(query_features, dim=-1)[query_idx]
    unit_memory = functional.normalize(memory_features, dim=-1)[memory_idx]
    cosine = torch.einsum("poc,pkc->pok", unit_query, unit_memory)
    own_cosine = cosine.diagonal(dim1=1, dim2=2)
    pair_loss = 1 - own_cosine
    if config.contrast_weight > 0:
        clip = torch.tensor(object_to_clip, device=device)
        rivals = (clip[:, None] == clip) & memory_visible[memory_idx][:, None]
        rivals = rivals | torch.eye(len(clip), dtype=torch.bool, device=device)  # no empty softmax
        scores = (cosine / config.temperature).masked_fill(~rivals, -torch.inf)
        contrast = scores.logsumexp(-1) - own_cosine / config.temperature
        pair_loss = pair_loss + config.contrast_weight * contrast

    counted = query_visible[query_idx] & memory_visible[memory_idx]
    per_frame = torch.zeros_like(query_visible, dtype=torch.float32)
    total = per_frame.index_add(0, query_idx, pair_loss.where(counted, 0.0))
    return total / per_frame.index_add(0, query_idx, counted.float()).clamp(min=1)

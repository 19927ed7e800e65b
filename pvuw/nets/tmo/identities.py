"""Which object a foreground pixel belongs to: TMO knows one foreground and no ids.

TMO's authors have nothing for several objects, and what is known of STSeg does not say how it got
ids from TMO. Both ways here are this project's own, and none of their numbers were tuned.
"""

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_UNLIKELY = 10.0
"""Log-odds taken off where the foreground is not the object's."""
_LEAST = 1e-6
"""Probabilities are kept this far from 0 and 1."""


@dataclass(frozen=True)
class IdentityConfig:
    """When a foreground counts as an object's."""

    min_overlap: float = 0.1
    """Least share of an object's expected mask that must be foreground; below it TMO does not see
    the object and has no opinion on it."""
    reach: float = 0.03
    """How far, as a share of the frame's shorter side, a foreground pixel may be from an object's
    expected mask and still become part of it."""
    min_anchor: float = 0.1
    """Probability of all objects together that the other model must give a pixel before the
    foreground there is fully theirs."""

    def __post_init__(self) -> None:
        """Refuse values that have no meaning."""
        for name, value in vars(self).items():
            if not 0 < value <= 1:
                raise ValueError(f"identities.{name} must be above 0 and at most 1, got {value}")


class Identified(NamedTuple):
    """The foreground of one frame, object by object."""

    mask_logits: Tensor
    """Log-odds of each object against background, float32 `[N, H, W]`; 0 without an opinion."""
    has_opinion: Tensor
    """Bool `[N]`: False where the foreground does not show the object."""


def carry_ids(foreground_logits: Tensor, expected: Tensor, config: IdentityConfig) -> Identified:
    """Split a foreground by where the objects are expected from the frame before.

    Each pixel goes to the nearest expected mask, if that is within reach; foreground that touches
    no expected mask goes to none.

    Args:
        foreground_logits: Log-odds of foreground, float `[H, W]`.
        expected: Each object's mask of the frame before, moved along the flow; bool `[N, H, W]`.
        config: Reach and least overlap.

    Returns:
        Logits that are the foreground's own where a pixel is the object's, and at least 10 lower
        elsewhere.
    """
    foreground = foreground_logits > 0
    if not bool(expected.any()):  # also where there are no objects at all
        seen = torch.zeros(len(expected), dtype=torch.bool, device=expected.device)
        return Identified(torch.zeros_like(expected, dtype=torch.float32), seen)
    owner = torch.from_numpy(_owners(foreground.cpu().numpy(), expected.cpu().numpy(), config))
    slots = torch.arange(len(expected), device=expected.device)
    mine = owner.to(expected.device) == slots[:, None, None]
    logits = foreground_logits.float()
    logits = torch.where(mine, logits, logits.clamp(max=0) - _UNLIKELY)
    seen = _is_seen(foreground, expected, config)
    return Identified(torch.where(seen[:, None, None], logits, 0.0), seen)


def split_foreground(
    foreground_logits: Tensor, anchor_logits: Tensor, config: IdentityConfig
) -> Identified:
    """Split a foreground by another model's probabilities, so that TMO votes on extent alone.

    `P_k = P_foreground A_k / max(sum_j A_j, min_anchor)` with the anchor's softmax `A` over
    background and objects: foreground where the anchor sees no object stays mostly nobody's.

    Args:
        foreground_logits: Log-odds of foreground, float `[H, W]`.
        anchor_logits: Log-odds of each object against background, float `[N, H, W]`.
        config: Least overlap and least anchor.

    Example:
        >>> one = torch.ones(1, 1)
        >>> found = split_foreground(2 * one, torch.stack([3 * one, -3 * one]), IdentityConfig())
        >>> found.mask_logits.flatten().round(decimals=2), found.has_opinion
        (tensor([2., 0.]), tensor([ True, False]))
    """
    probs = torch.cat([torch.zeros_like(anchor_logits[:1]), anchor_logits.float()]).softmax(dim=0)
    if len(anchor_logits) == 0:
        nothing = torch.zeros(0, dtype=torch.bool, device=anchor_logits.device)
        return Identified(anchor_logits.float(), nothing)
    objects = probs[1:]
    share = objects / objects.sum(dim=0).clamp(min=config.min_anchor)
    joint = foreground_logits.float().sigmoid() * share
    background = (1 - joint.sum(dim=0)).clamp(min=_LEAST)
    logits = joint.clamp(min=_LEAST).log() - background.log()
    seen = _is_seen(foreground_logits > 0, probs.argmax(dim=0) == _slots(objects) + 1, config)
    return Identified(torch.where(seen[:, None, None], logits, 0.0), seen)


def _slots(objects: Tensor) -> Tensor:
    return torch.arange(len(objects), device=objects.device)[:, None, None]


def _is_seen(foreground: Tensor, expected: Tensor, config: IdentityConfig) -> Tensor:
    """Bool `[N]`: enough of the expected mask is foreground."""
    area = expected.flatten(1).sum(dim=1)
    shown = (expected & foreground).flatten(1).sum(dim=1)
    return (area > 0) & (shown >= config.min_overlap * area)


def _owners(
    foreground: NDArray[np.bool_], expected: NDArray[np.bool_], config: IdentityConfig
) -> NDArray[np.int64]:
    """Slot each pixel belongs to, -1 for none; the earlier slot where expected masks overlap."""
    anyone = expected.any(axis=0)
    # Label of the nearest pixel where the image is 0, and how far away that is.
    distance, nearest = cv2.distanceTransformWithLabels(
        np.asarray(~anyone, np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    slot_of_label = np.full(int(nearest.max()) + 1, -1, np.int64)
    slot_of_label[nearest[anyone]] = expected.argmax(axis=0)[anyone]
    owner: NDArray[np.int64] = slot_of_label[nearest]
    owner[distance > config.reach * min(foreground.shape)] = -1
    _, piece = cv2.connectedComponents(foreground.astype(np.uint8))
    touched = np.unique(piece[anyone & foreground])
    owner[foreground & ~np.isin(piece, touched)] = -1
    return owner

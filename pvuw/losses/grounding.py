"""The training objective of networks that find what sentences mean (ReferDINO)."""

from functools import reduce
from operator import add
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from pvuw.losses.base import ClipLoss
from pvuw.losses.vos_loss import mean_over_processes
from pvuw.types import Detected, DetectionClip, VideoBatch

CELL = 4
"""Pixels along a cell of the masks."""
_ALPHA = 0.25
"""Weight of what is meant in the focal terms; of what is not, the rest."""
_TINY = 1e-6


class Meant(NamedTuple):
    """What `S` sentences mean in the `T` frames of their clips."""

    masks: Tensor
    """Float `[S, T, h, w]`, a cell every four pixels."""
    counted: Tensor
    """Cells that are judged, bool `[S, T, h, w]`."""
    boxes: Tensor
    """Centre and size in 0..1, float `[S, T, 4]`; zeros where nothing is visible."""
    visible: Tensor
    """Bool `[S, T]`."""


class Weights(NamedTuple):
    """What each term counts, in the loss and in choosing the object that is judged."""

    score: float
    box: float
    giou: float
    mask: float
    dice: float
    projection: float


class GroundingTerms(NamedTuple):
    """The loss of a batch, and the last layer's terms without their weights."""

    total: Tensor
    last: dict[str, Tensor]

    def log_values(self) -> dict[str, Tensor]:
        """Scalars to log: `loss` and `loss_score`, `loss_box`, …."""
        terms = {f"loss_{name}": value.detach() for name, value in self.last.items()}
        return {"loss": self.total.detach()} | terms


class GroundingLoss(ClipLoss[DetectionClip]):
    """Judges, of each layer, the object that fits a sentence best over the clip (ReferDINO).

    Focal loss of all objects' scores; L1 and generalised IoU of the chosen one's boxes; focal loss,
    Dice and Dice of the projections of its masks (Tian et al. 2021, BoxInst). What a sentence means
    is one target, however many objects it is. Every layer is judged alike, the cells that queries
    begin at too; all are divided by the number of frames in which something is visible. Defaults
    are ReferDINO's for MeViS.

    Args:
        score_weight: Weight of the focal loss of scores.
        box_weight: Weight of the L1 distance of boxes.
        giou_weight: Weight of one minus the generalised IoU.
        mask_weight: Weight of the focal loss of masks.
        dice_weight: Weight of Dice.
        projection_weight: Weight of Dice of the masks' projections on rows and columns.
    """

    judges = DetectionClip

    def __init__(
        self,
        score_weight: float = 2.0,
        *,
        box_weight: float = 1.0,
        giou_weight: float = 1.0,
        mask_weight: float = 5.0,
        dice_weight: float = 5.0,
        projection_weight: float = 2.0,
    ) -> None:
        super().__init__()
        self.weights = Weights(
            score_weight, box_weight, giou_weight, mask_weight, dice_weight, projection_weight
        )
        if min(self.weights) < 0:
            raise ValueError(f"loss weights must not be negative, got {tuple(self.weights)}")

    def forward(self, output: DetectionClip, batch: VideoBatch) -> GroundingTerms:
        """Loss of a batch; see `ClipLoss.forward`."""
        with torch.autocast(batch.frames.device.type, enabled=False):
            cells = output.layers[0].mask_logits.shape[-2:]
            meant = what_is_meant(batch, (cells[0], cells[1]))
            count = mean_over_processes(int(meant.visible.sum()), batch.frames.device)
            layers = [self._terms(_in_float32(layer), meant) for layer in output.layers]
        share = 1 / max(float(count), 1.0)
        named = [{name: value * share for name, value in terms.items()} for terms in layers]
        total = reduce(
            add, (self.weights[place] * v for t in named for place, v in enumerate(t.values()))
        )
        return GroundingTerms(total, named[0])

    def _terms(self, layer: Detected, meant: Meant) -> dict[str, Tensor]:
        """The terms of a layer, summed over sentences and frames, in the order of `Weights`."""
        chosen = best_objects(layer, meant, self.weights)
        row = torch.arange(len(chosen), device=chosen.device)
        boxes, masks = layer.boxes[row, :, chosen], layer.mask_logits[row, :, chosen]
        target = torch.zeros_like(layer.score_logits)
        target[row, :, chosen] = meant.visible.to(target.dtype)
        counted = meant.counted.flatten(1)
        focal = torch.where(counted, _focal(masks, meant.masks).flatten(1), 0.0)
        probs = torch.where(meant.counted, masks.sigmoid(), 0.0)
        sides = [
            _dice_loss(masks.amax(axis).sigmoid(), meant.masks.amax(axis)) for axis in (-2, -1)
        ]
        return {
            "score": _focal(layer.score_logits, target).sum(),
            "box": (boxes - meant.boxes).abs().sum(),
            "giou": (1 - generalised_iou(boxes, meant.boxes)).sum(),
            "mask": (focal.sum(1) / counted.sum(1).clamp(min=1)).sum(),
            "dice": _dice_loss(probs, meant.masks).sum(),
            "projection": (sides[0] + sides[1]).sum() / 2,
        }


def what_is_meant(batch: VideoBatch, cells: tuple[int, int]) -> Meant:
    """The targets of a batch, sentences in the order of `VideoBatch.object_to_clip`.

    Args:
        batch: The clips; a slot is what a sentence means.
        cells: Height and width of the masks that are judged.
    """
    masks = batch.object_masks().transpose(0, 1)  # [S, T, H, W]
    height, width = masks.shape[-2:]
    counted = torch.ones_like(masks)
    if batch.void is not None:
        counted = ~batch.void[batch.object_to_clip]
    margin = (0, cells[1] * CELL - width, 0, cells[0] * CELL - height)
    middle = slice(CELL // 2, None, CELL)
    small, judged = (F.pad(part, margin)[..., middle, middle] for part in (masks, counted))
    return Meant(small.float(), judged, boxes_around(masks), masks.flatten(2).any(-1))


def boxes_around(masks: Tensor) -> Tensor:
    """Boxes from each mask's first to its last pixel, float `[..., 4]`, centre and size in 0..1.

    Args:
        masks: Bool `[..., H, W]`; an empty one has a box of zeros.

    Example:
        >>> mask = torch.zeros(8, 10, dtype=torch.bool)
        >>> mask[2:7, 5] = True
        >>> boxes_around(mask)
        tensor([0.5000, 0.5000, 0.0000, 0.5000])
    """
    ends = []
    for axis in (-2, -1):
        seen = masks.any(axis)
        places = torch.arange(seen.shape[-1], device=masks.device)
        first = torch.where(seen, places, seen.shape[-1]).amin(-1)
        last = torch.where(seen, places, -1).amax(-1)
        some = last >= 0
        ends.append([torch.where(some, end, 0) / seen.shape[-1] for end in (first, last)])
    (left, right), (top, bottom) = ends
    return torch.stack([(left + right) / 2, (top + bottom) / 2, right - left, bottom - top], -1)


@torch.no_grad()
def best_objects(layer: Detected, meant: Meant, weights: Weights) -> Tensor:
    """The object of each sentence that costs least over its clip, int64 `[S]`.

    There is one target a sentence, so that the Hungarian assignment is the smallest cost.

    Args:
        layer: What was found.
        meant: What there is.
        weights: What each term counts.
    """
    boxes = layer.boxes if layer.match_boxes is None else layer.match_boxes
    probs = layer.score_logits.sigmoid()
    hit = _ALPHA * (1 - probs) ** 2 * -(probs + 1e-8).log()
    miss = (1 - _ALPHA) * probs**2 * -(1 - probs + 1e-8).log()
    seen = meant.visible[..., None]
    score = ((hit - miss) * seen).sum(1) / seen.sum(1).clamp(min=1)
    target = meant.boxes[:, :, None]
    logits = layer.mask_logits.masked_fill(~meant.counted[:, :, None], 0)
    masks = meant.masks[:, :, None].expand_as(logits)
    sides = [
        _dice(_by_object(logits.amax(axis).sigmoid()), _by_object(masks.amax(axis)))
        for axis in (-2, -1)
    ]
    costs = (
        score,
        (boxes - target).abs().sum(-1).mean(1),
        -generalised_iou(boxes, target.expand_as(boxes)).mean(1),
        _by_object(_focal(logits, masks)).mean(-1),
        -_dice(_by_object(logits.sigmoid()), _by_object(masks)),
        -(sides[0] + sides[1]) / 2,
    )
    return reduce(add, (w * c for w, c in zip(weights, costs, strict=True))).argmin(1)


def generalised_iou(one: Tensor, other: Tensor) -> Tensor:
    """Generalised IoU of boxes (Rezatofighi et al. 2019), float `[...]`, from `[..., 4]`."""
    first, last = one[..., :2] - one[..., 2:] / 2, one[..., :2] + one[..., 2:] / 2
    begin, end = other[..., :2] - other[..., 2:] / 2, other[..., :2] + other[..., 2:] / 2
    overlap = _area(torch.minimum(last, end) - torch.maximum(first, begin))
    union = _area(last - first) + _area(end - begin) - overlap
    hull = _area(torch.maximum(last, end) - torch.minimum(first, begin))
    return overlap / (union + _TINY) - (hull - union) / (hull + _TINY)


def _area(sides: Tensor) -> Tensor:
    return sides.clamp(min=0).prod(-1)


def _focal(logits: Tensor, target: Tensor) -> Tensor:
    """Focal loss (Lin et al. 2017, gamma 2) of every element, without a mean."""
    probs = logits.sigmoid()
    right = probs * target + (1 - probs) * (1 - target)
    share = _ALPHA * target + (1 - _ALPHA) * (1 - target)
    plain = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    return share * plain * (1 - right) ** 2


def _dice(probs: Tensor, target: Tensor) -> Tensor:
    """Dice coefficient over the last axis, with a 1 above and below."""
    return (2 * (probs * target).sum(-1) + 1) / (probs.sum(-1) + target.sum(-1) + 1)


def _dice_loss(probs: Tensor, target: Tensor) -> Tensor:
    """One minus Dice of each sentence, over all its frames, float `[S]`."""
    return 1 - _dice(probs.flatten(1), target.flatten(1))


def _by_object(values: Tensor) -> Tensor:
    """`[S, Q, T * …]` of `[S, T, Q, …]`."""
    return values.transpose(1, 2).flatten(2)


def _in_float32(layer: Detected) -> Detected:
    return Detected(
        layer.score_logits.float(),
        layer.boxes.float(),
        layer.mask_logits.float(),
        None if layer.match_boxes is None else layer.match_boxes.float(),
    )

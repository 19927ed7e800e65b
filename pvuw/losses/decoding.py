"""Loss terms of one decoding of one frame, with the choice among candidate masks."""

from dataclasses import dataclass

import torch
from torch import Tensor

from pvuw.losses.cross_entropy import CrossEntropy, mask_cross_entropy
from pvuw.losses.dice import dice_loss
from pvuw.losses.mask_iou import mask_iou, mask_iou_loss
from pvuw.losses.presence import presence_loss
from pvuw.types import Decoding


@dataclass(frozen=True)
class LossWeights:
    """Weight of each term in the total; a term with weight 0 is not computed."""

    ce: float = 20.0
    dice: float = 1.0
    iou: float = 1.0
    presence: float = 1.0
    sim: float = 0.0

    def __post_init__(self) -> None:
        """Refuse values that have no meaning."""
        if negative := {name: w for name, w in vars(self).items() if w < 0}:
            raise ValueError(f"loss weights must not be negative, got {negative}")


@dataclass(frozen=True)
class Truth:
    """What a frame should show."""

    target: Tensor
    """1 inside the object, 0 outside, float32 `[O, 1, H, W]`."""
    valid: Tensor | None
    """Pixels that have a truth, bool `[O, 1, H, W]`; None where all have one."""

    @property
    def visible(self) -> Tensor:
        """1 where the object has at least one pixel, float32 `[O, 1]`."""
        return self.target.flatten(2).amax(-1)

    @classmethod
    def of_frame(cls, masks: Tensor, valid: Tensor | None, t: int) -> "Truth":
        """Frame `t` of masks and valid pixels, both bool `[T, O, H, W]`."""
        return cls(masks[t][:, None].float(), None if valid is None else valid[t][:, None])


@dataclass(frozen=True)
class DecodingTerms:
    """Terms summed over objects, each a scalar; None where not asked for."""

    ce: Tensor
    dice: Tensor
    iou: Tensor | None
    presence: Tensor | None
    absent_wrongly: Tensor | None
    """Visible objects the network called absent, a count without gradient."""

    def __add__(self, other: "DecodingTerms") -> "DecodingTerms":
        """Sum of two decodings, term by term."""
        return DecodingTerms(
            self.ce + other.ce,
            self.dice + other.dice,
            _sum(self.iou, other.iou),
            _sum(self.presence, other.presence),
            _sum(self.absent_wrongly, other.absent_wrongly),
        )

    def weighted(self, weights: LossWeights) -> Tensor:
        """Scalar `ce weight ce + dice weight dice + …` over the terms that are there."""
        total = self.ce * weights.ce + self.dice * weights.dice
        if self.iou is not None:
            total = total + self.iou * weights.iou
        if self.presence is not None:
            total = total + self.presence * weights.presence
        return total


def decoding_terms(
    step: Decoding,
    truth: Truth,
    *,
    weights: LossWeights,
    kind: CrossEntropy,
    num_objects: float | Tensor,
    supervise_all_iou: bool = True,
) -> DecodingTerms:
    """Terms of one decoding, each summed over objects and divided by `num_objects`.

    CE and Dice are those of each object's best candidate, see `best_candidate`. Where the network
    has a presence score, objects that are absent count in the presence term alone.

    Args:
        step: What the network said about `O` objects.
        truth: What the frame shows.
        weights: Terms with weight 0 come back as None (CE and Dice are always computed).
        kind: Focal parameters of CE.
        num_objects: Divisor.
        supervise_all_iou: Mean IoU error over all candidates, not that of the best one.

    Raises:
        ValueError: If a weighted term needs an output that the network did not give.
    """
    mask_logits, target, valid = step.mask_logits.float(), truth.target, truth.valid
    visible = truth.visible
    judged = torch.ones_like(visible) if step.presence_logits is None else visible
    best = best_candidate(mask_logits, truth, weights=weights, kind=kind, num_objects=num_objects)

    def reduce(term: Tensor) -> Tensor:
        return ((term / num_objects).mean(1, keepdim=True) * judged).sum()

    chosen = _take(mask_logits, best)
    ce = reduce(mask_cross_entropy(chosen, target, kind=kind, valid=valid))
    dice = reduce(dice_loss(chosen, target, valid=valid))
    iou = presence = absent_wrongly = None
    if weights.iou > 0:
        predicted = _given(step.predicted_iou, "predicted_iou", "iou_weight").float()
        error = mask_iou_loss(predicted, mask_iou(mask_logits, target, valid=valid))
        iou = reduce(error if supervise_all_iou else _take(error, best))
    if weights.presence > 0:
        logits = _given(step.presence_logits, "presence_logits", "presence_weight").float()
        presence = presence_loss(logits, visible).sum() / num_objects
        absent_wrongly = ((logits <= 0) * visible).sum().detach()
    return DecodingTerms(ce, dice, iou, presence, absent_wrongly)


def best_candidate(
    mask_logits: Tensor,
    truth: Truth,
    *,
    weights: LossWeights,
    kind: CrossEntropy,
    num_objects: float | Tensor,
) -> Tensor:
    """Position of each object's candidate mask with the lowest weighted sum of CE and Dice.

    Only that one gets the mask loss, so that candidates may specialise. The choice runs without
    gradient and only the chosen mask becomes part of the graph, which keeps a third of what
    computing the loss of three and dropping two would keep, for the same values.

    Args:
        mask_logits: Candidates, float32 `[O, M, H, W]`.
        truth: What they should show.
        weights: Weights of CE and Dice.
        kind: Focal parameters of CE.
        num_objects: Divides both terms before they are weighted, so that near-ties are rounded as
            in the terms themselves.

    Returns:
        Int64 `[O]`, each in `0..M-1`.
    """
    if mask_logits.shape[1] == 1:
        return mask_logits.new_zeros(len(mask_logits), dtype=torch.int64)
    with torch.no_grad():
        ce = mask_cross_entropy(mask_logits, truth.target, kind=kind, valid=truth.valid)
        dice = dice_loss(mask_logits, truth.target, valid=truth.valid)
        return (ce / num_objects * weights.ce + dice / num_objects * weights.dice).argmin(dim=1)


def _take(candidates: Tensor, best: Tensor) -> Tensor:
    """Keep the chosen candidate of each object: `[O, M, ...]` to `[O, 1, ...]`."""
    if candidates.shape[1] == 1:
        return candidates
    return candidates[torch.arange(len(best), device=best.device), best][:, None]


def _given(output: Tensor | None, name: str, weight: str) -> Tensor:
    if output is None:
        raise ValueError(f"the network gives no {name}: set the loss's {weight} to 0")
    return output


def _sum(a: Tensor | None, b: Tensor | None) -> Tensor | None:
    return None if a is None or b is None else a + b

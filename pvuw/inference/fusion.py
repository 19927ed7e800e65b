"""Masks of several views of a frame into one, view by view, so that none has to be kept."""

from dataclasses import dataclass

import torch
from torch import Tensor

from pvuw.inference.views import Fusion
from pvuw.ops.probabilities import log_odds, probabilities
from pvuw.types import FrameOutput

_LEAST_WEIGHT = 1e-3
"""So that an object no view believes in still has an average."""
_TIE = 1e-3
"""Share of a vote that the probability itself counts: breaks ties, outweighs no vote below 1000."""


@dataclass
class ViewSums:
    """Sums over the views of one frame seen so far.

    Attributes:
        objects: Weighted probabilities or votes of the objects, float32 `[N, H, W]`.
        background: Those of background, `[1, H, W]` or `[N, H, W]`; see `probabilities`.
        opinions: Presence and predicted IoU of the objects and how many views gave one, float32
            `[5, N]`: presence, views with presence, IoU, views with IoU, views with any opinion.
    """

    objects: Tensor
    background: Tensor
    opinions: Tensor

    def __add__(self, other: "ViewSums") -> "ViewSums":
        """Add the next view's."""
        return ViewSums(
            self.objects + other.objects,
            self.background + other.background,
            self.opinions + other.opinions,
        )

    def mask_logits(self) -> Tensor:
        """Log-odds of the fused probabilities or votes, float32 `[N, H, W]`."""
        return log_odds(self.objects, self.background)

    def output(self, one: FrameOutput, mask_logits: Tensor) -> FrameOutput:
        """What the views say together: presence and predicted IoU are their means.

        Args:
            one: What one of them said, of the same objects: all give the same kinds of opinion.
            mask_logits: Their fused log-odds, float32 `[N, H, W]`.
        """
        presence, presence_views, iou, iou_views, views = self.opinions
        given = one.presence_logits is not None
        return FrameOutput(
            object_ids=one.object_ids,
            mask_logits=mask_logits,
            objects_compete=one.objects_compete,
            presence_logits=(presence / presence_views).logit(1e-6) if given else None,
            predicted_iou=None if one.predicted_iou is None else iou / iou_views,
            has_opinion=None if one.has_opinion is None else views > 0,
        )


def view_sums(output: FrameOutput, mask_logits: Tensor, *, fusion: Fusion) -> ViewSums:
    """One view's part in the sums.

    Args:
        output: What the network said.
        mask_logits: Its masks as the unchanged frame shows them, float32 `[N, H, W]`. An object it
            has no opinion on counts neither for the object nor against it.
        fusion: How views are fused; see `ViewConfig`.
    """
    compete = output.objects_compete
    objects, background = probabilities(mask_logits, objects_compete=compete or fusion == "vote")
    if fusion == "vote":
        objects, background = _votes(mask_logits, objects, background)
    if fusion == "weighted":
        weight = _weights(output, mask_logits)
        objects = objects * weight[:, None, None]
        shared = weight.mean() if compete and len(weight) else weight[:, None, None]
        background = background * shared
    if output.has_opinion is not None:
        silent = ~output.has_opinion.to(objects.device)[:, None, None]
        objects = objects.masked_fill(silent, 0)
        if len(background) == len(silent):
            background = background.masked_fill(silent, 0)
    return ViewSums(objects, background, _opinions(output, mask_logits))


def _votes(mask_logits: Tensor, objects: Tensor, background: Tensor) -> tuple[Tensor, Tensor]:
    """One vote a pixel for the strongest object, or for background where all are below zero."""
    if not len(mask_logits):
        return objects, torch.ones_like(background)
    strongest, slot = mask_logits.max(dim=0)
    slots = torch.arange(len(mask_logits), device=slot.device)[:, None, None]
    chosen = (slots == slot) & (strongest > 0)
    return chosen + _TIE * objects, (strongest <= 0)[None] + _TIE * background


def _weights(output: FrameOutput, mask_logits: Tensor) -> Tensor:
    """Trust in each object's mask in this view, float32 `[N]`."""
    weight = mask_logits.new_ones(len(mask_logits))
    if output.presence_logits is not None:
        weight = weight * output.presence_logits.to(weight).sigmoid()
    if output.predicted_iou is not None:
        weight = weight * output.predicted_iou.to(weight).clamp(0, 1)
    return weight.clamp(min=_LEAST_WEIGHT)


def _opinions(output: FrameOutput, mask_logits: Tensor) -> Tensor:
    """Rows of `ViewSums.opinions`; made on the device, for which a copy means to wait."""
    one = mask_logits.new_ones(len(mask_logits))
    none = torch.zeros_like(one)
    presence, iou, opinion = output.presence_logits, output.predicted_iou, output.has_opinion
    return torch.stack(
        [
            none if presence is None else presence.to(one).sigmoid(),
            none if presence is None else one,
            none if iou is None else iou.to(one),
            none if iou is None else one,
            one if opinion is None else opinion.to(one),
        ]
    )

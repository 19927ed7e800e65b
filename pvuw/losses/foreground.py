"""The training objective of networks that know one foreground and no ids (TMO)."""

from functools import reduce
from operator import add

import torch
from torch import Tensor

from pvuw.losses.base import ClipLoss
from pvuw.losses.cross_entropy import PLAIN, CrossEntropy
from pvuw.losses.decoding import Truth
from pvuw.losses.similarity import ATTRACT, SimilarityConfig
from pvuw.losses.vos_loss import LossTerms, VOSLoss, mean_over_processes
from pvuw.types import CandidateClip, Decoding, ForegroundClip, VideoBatch


def soft_iou_loss(mask_logits: Tensor, target: Tensor, *, valid: Tensor | None = None) -> Tensor:
    """One minus the IoU of the probabilities with the truth, for each mask.

    `1 - (sum(p y) + 1) / (sum(p + y - p y) + 1)`: Rahman and Wang, 2016, "Optimizing
    Intersection-Over-Union", eq. 3, with a 1 above and below, so that an empty mask on an empty
    truth costs 0.

    Args:
        mask_logits: Log-odds of foreground, float `[O, M, H, W]`.
        target: Truth, float `[O, 1, H, W]` of 0 and 1.
        valid: Pixels that have a truth, bool `[O, 1, H, W]`; None where all have one.

    Returns:
        Float `[O, M]`.

    Example:
        >>> target = torch.tensor([[[[1.0, 1.0, 0.0]]]])
        >>> right, nothing = [[[9.0, 9.0, -9.0]]], [[[-9.0, -9.0, -9.0]]]
        >>> soft_iou_loss(torch.tensor([right + nothing]), target).round(decimals=3)
        tensor([[0.0000, 0.6670]])
    """
    probs = mask_logits.sigmoid()
    truth = target.expand_as(probs)
    if valid is not None:
        probs, truth = torch.where(valid, probs, 0.0), torch.where(valid, truth, 0.0)
    overlap = (probs * truth).flatten(2).sum(-1)
    union = (probs + truth).flatten(2).sum(-1) - overlap
    return 1 - (overlap + 1) / (union + 1)


class ForegroundLoss(ClipLoss[ForegroundClip]):
    """Weighted sum of mask terms and similarity, the mean over frames and clips.

    `total = ce_weight CE + dice_weight Dice + sim_weight Sim + iou_weight MaskIoU`. The defaults
    are TMO's published objective: plain cross-entropy, a frame counting as much as any other.

    With all four it is the objective that SAM 2 gets (`VOSLoss`), as far as TMO can have it; this
    reading is the project's own. TMO has no IoU head, so MaskIoU is the soft IoU of the mask
    itself. It has no memory, so Sim compares the foreground's appearance in a frame, averaged over
    its true pixels, with that in the earlier frames of the clip.

    Args:
        ce_weight: Weight of the pixel-wise cross-entropy.
        dice_weight: Weight of Dice.
        sim_weight: Weight of the similarity; above 0 the network must return features.
        iou_weight: Weight of one minus the soft IoU.
        cross_entropy: Plain (default) or focal (`gamma: 2, alpha: 0.25`).
        similarity: What the similarity term compares.
    """

    judges = ForegroundClip

    def __init__(
        self,
        ce_weight: float = 1.0,
        *,
        dice_weight: float = 0.0,
        sim_weight: float = 0.0,
        iou_weight: float = 0.0,
        cross_entropy: CrossEntropy = PLAIN,
        similarity: SimilarityConfig = ATTRACT,
    ) -> None:
        super().__init__()
        if iou_weight < 0:
            raise ValueError(f"loss weights must not be negative, got iou_weight {iou_weight}")
        self.iou_weight = iou_weight
        self.rest = VOSLoss(
            ce_weight,
            dice_weight=dice_weight,
            sim_weight=sim_weight,
            iou_weight=0.0,
            presence_weight=0.0,
            cross_entropy=cross_entropy,
            similarity=similarity,
        )

    @property
    def needs_features(self) -> bool:
        """True where the network's clip output must hold features, which cost memory."""
        return self.rest.needs_features

    def forward(self, output: ForegroundClip, batch: VideoBatch) -> LossTerms:
        """Loss of a batch; see `ClipLoss.forward`."""
        num_frames = len(output.mask_logits)
        decodings = [[Decoding(logits[:, None])] for logits in output.mask_logits.values()]
        summed: LossTerms = self.rest(CandidateClip(decodings, output.features), batch)
        terms = summed._replace(
            total=summed.total / num_frames,
            ce=_mean(summed.ce, num_frames),
            dice=_mean(summed.dice, num_frames),
            sim=_mean(summed.sim, num_frames),
        )
        if self.iou_weight == 0:
            return terms
        with torch.autocast(batch.frames.device.type, enabled=False):
            iou = self._soft_iou(output, batch)
        return terms._replace(total=terms.total + self.iou_weight * iou, iou=iou)

    def _soft_iou(self, output: ForegroundClip, batch: VideoBatch) -> Tensor:
        masks, valid = batch.object_masks(), None
        if batch.void is not None:
            valid = ~batch.void[batch.object_to_clip].transpose(0, 1)
            masks = masks & valid
        losses: list[Tensor] = []
        for t, logits in output.mask_logits.items():
            truth = Truth.of_frame(masks, valid, t)
            loss = soft_iou_loss(logits[:, None].float(), truth.target, valid=truth.valid)
            losses.append(loss.sum())
        count = mean_over_processes(masks.shape[1], masks.device)
        return reduce(add, losses) / count / len(output.mask_logits)


def _mean(total: Tensor | None, count: int) -> Tensor | None:
    return None if total is None else total / count

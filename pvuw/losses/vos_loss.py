"""The training objective of video object segmentation, one weighted sum of documented terms."""

from functools import partial, reduce
from operator import add
from typing import NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor

from pvuw.losses.base import ClipLoss
from pvuw.losses.cross_entropy import FOCAL, CrossEntropy
from pvuw.losses.decoding import DecodingTerms, LossWeights, Truth, decoding_terms
from pvuw.losses.similarity import ATTRACT, SimilarityConfig, object_features, similarity_loss
from pvuw.types import CandidateClip, Decoding, VideoBatch


class LossTerms(NamedTuple):
    """The loss of a batch and its parts before weighting; a part with weight 0 is None."""

    total: Tensor
    """Scalar to call `backward` on."""
    ce: Tensor | None
    """Cross-entropy of the best candidate masks."""
    dice: Tensor | None
    """Dice of the best candidate masks."""
    sim: Tensor | None
    """Similarity of objects to their memory."""
    iou: Tensor | None
    """Error of the predicted IoU."""
    presence: Tensor | None
    """Cross-entropy of the presence score."""
    absent_wrongly: Tensor | None
    """Share of visible objects the network called absent, 0..1, over all decodings. SAM 2 sets
    their masks to -1024, which no gradient passes: a spike of `ce` comes with a spike here."""

    def log_values(self) -> dict[str, Tensor]:
        """Scalars to log, without gradient: `loss`, `loss_ce`, `loss_dice`, …, `absent_wrongly`."""
        parts = {
            "loss": self.total,
            "loss_ce": self.ce,
            "loss_dice": self.dice,
            "loss_sim": self.sim,
            "loss_iou": self.iou,
            "loss_presence": self.presence,
            "absent_wrongly": self.absent_wrongly,
        }
        return {name: part.detach() for name, part in parts.items() if part is not None}


class VOSLoss(ClipLoss[CandidateClip]):
    """Weighted sum of mask, similarity, IoU and presence terms over a batch of clips.

    `total = ce_weight CE + dice_weight Dice + sim_weight Sim + iou_weight MaskIoU
    + presence_weight Presence`. The defaults are SAM 2's fine-tuning objective.

    Every decoding of every frame counts. Where a network offers several candidate masks, CE and
    Dice are those of the candidate whose weighted sum of the two is lowest. Terms are summed over
    frames and decodings and divided by the number of objects (the mean over processes), so a loss
    of 8 frames is about twice that of 4. An object that is absent from a frame is judged by its
    presence score alone there; a network without a presence score must predict an empty mask.

    The report of MASSeg ("DeepSegMa", https://arxiv.org/abs/2504.10254) adds Sim and calls its
    weights "empirically set" without values; `ce_weight: 20, dice_weight: 1, sim_weight: 1,
    iou_weight: 1, presence_weight: 1` keeps SAM 2's balance and is this project's reading of it.

    Args:
        ce_weight: Weight of the pixel-wise cross-entropy. Focal cross-entropy is small (about 0.05
            per mask before training), hence 20; take about 2 to 5 for the plain one.
        dice_weight: Weight of Dice, which counts small objects as much as large ones.
        sim_weight: Weight of the similarity between an object and its memory; above 0 the network
            must return features.
        iou_weight: Weight of the error of the predicted IoU.
        presence_weight: Weight of the cross-entropy of the presence score.
        cross_entropy: Focal (default) or plain (`gamma: 0, alpha: null`).
        similarity: What the similarity term compares.
        supervise_all_iou: Judge the predicted IoU of every candidate and not of the best one alone.
    """

    judges = CandidateClip

    def __init__(
        self,
        ce_weight: float = 20.0,
        *,
        dice_weight: float = 1.0,
        sim_weight: float = 0.0,
        iou_weight: float = 1.0,
        presence_weight: float = 1.0,
        cross_entropy: CrossEntropy = FOCAL,
        similarity: SimilarityConfig = ATTRACT,
        supervise_all_iou: bool = True,
    ) -> None:
        super().__init__()
        self.weights = LossWeights(
            ce=ce_weight,
            dice=dice_weight,
            iou=iou_weight,
            presence=presence_weight,
            sim=sim_weight,
        )
        self.cross_entropy = cross_entropy
        self.similarity = similarity
        self.supervise_all_iou = supervise_all_iou

    @property
    def needs_features(self) -> bool:
        """True where the network's clip output must hold features, which cost memory."""
        return self.weights.sim > 0

    def forward(self, output: CandidateClip, batch: VideoBatch) -> LossTerms:
        """Loss of a batch; see `ClipLoss.forward`. Frames without a decoding do not count."""
        with torch.autocast(batch.frames.device.type, enabled=False):
            return self._forward(output, batch)

    def _forward(self, output: CandidateClip, batch: VideoBatch) -> LossTerms:
        num_objects = mean_over_processes(len(batch.object_to_clip), batch.frames.device)
        masks, valid = batch.object_masks(), None
        if batch.void is not None:
            valid = ~batch.void[batch.object_to_clip].transpose(0, 1)
            masks = masks & valid
        frames = [
            self._frame_terms(steps, Truth.of_frame(masks, valid, t), num_objects)
            for t, steps in enumerate(output.decodings)
            if steps
        ]
        total = reduce(add, [frame.weighted(self.weights) for frame in frames])
        terms = reduce(add, frames)
        sim = None
        if self.needs_features:
            sim = self._similarity(output, batch, masks) / num_objects
            total = total + sim * self.weights.sim
        return LossTerms(
            total,
            terms.ce,
            terms.dice,
            sim,
            terms.iou,
            terms.presence,
            _share_of_visible(terms.absent_wrongly, output, masks),
        )

    def _frame_terms(
        self, decodings: list[Decoding], truth: Truth, num_objects: float | Tensor
    ) -> DecodingTerms:
        terms = partial(
            decoding_terms,
            truth=truth,
            weights=self.weights,
            kind=self.cross_entropy,
            num_objects=num_objects,
            supervise_all_iou=self.supervise_all_iou,
        )
        return reduce(add, [terms(decoding) for decoding in decodings])

    def _similarity(self, output: CandidateClip, batch: VideoBatch, masks: Tensor) -> Tensor:
        if output.features is None:
            raise ValueError(
                "the network returned no features: ask for them, or set the loss's sim_weight to 0"
            )
        return similarity_loss(
            object_features(output.features.query, masks),
            object_features(output.features.memory, masks),
            memory_frames=output.features.memory_frames,
            object_to_clip=batch.object_to_clip,
            config=self.similarity,
        ).sum()


def _share_of_visible(count: Tensor | None, output: CandidateClip, masks: Tensor) -> Tensor | None:
    """A count of visible objects over all decodings, divided by how many could be counted."""
    if count is None:
        return None
    decodings = torch.tensor([len(steps) for steps in output.decodings], device=masks.device)
    visible = masks.flatten(2).any(-1).sum(1)  # [T]
    return count / (visible * decodings).sum().clamp(min=1)


def mean_over_processes(count: int, device: torch.device) -> float | Tensor:
    """Mean of a count over the processes of a distributed run, at least 1.

    Every process divides by the same number then, so that averaging gradients over processes
    weights every object alike.
    """
    if not (dist.is_available() and dist.is_initialized()):
        return max(float(count), 1.0)
    total = torch.tensor(float(count), device=device)
    dist.all_reduce(total)
    return (total / dist.get_world_size()).clamp(min=1)

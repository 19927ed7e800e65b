"""The interface of memory policies: which frames SAM 2 remembers, object by object."""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pvuw.nets.sam2.decoding import DecodedMasks
from pvuw.nets.sam2.memory import MapChoice


@dataclass(frozen=True)
class FrameRecord:
    """What one object's masks on one frame tell about how far they can be trusted."""

    frame_idx: int
    prompted: bool
    """The mask was given and not found."""
    presence_logit: float
    """Logit of P(the object is visible); without a head for it, upstream's constant 10."""
    predicted_iou: float
    """Of the chosen mask, which is the candidate with the highest."""
    quality: float
    """P(visible) * predicted IoU * mean probability inside the mask; 0 for an empty mask."""
    area: float
    """Foreground pixels at the resolution of the logits."""
    mask_logits: Tensor
    """The chosen mask, float `[h, w]`."""
    candidate_logits: Tensor
    """All masks the decoder offered, the chosen one among them, float `[M, h, w]`."""
    frame_score: float | None = None
    """What the object's `visible_iou` is replaced by where objects are judged together."""

    @property
    def visible_iou(self) -> float:
        """Predicted IoU times how sure the network is that the object is visible, 0..1.

        The latter is `2 * P(visible) - 1`, and 0 where the object is more likely hidden.
        """
        return max(0.0, math.tanh(self.presence_logit / 2)) * self.predicted_iou


class ObjectMemory(ABC):
    """Decides for one object. It may hold numbers of a bounded number of frames, no tensors."""

    @abstractmethod
    def see(self, record: FrameRecord) -> MapChoice:
        """Take the next frame of the object and say which frames to remember from now on.

        A frame can only be named permanent if it is the current one, or was named by the choice
        before this one.
        """


class MemoryPolicy(ABC):
    """A rule by which SAM 2 remembers other frames than the last ones; needs no training.

    Pointers are remembered as upstream has it, with those of permanent frames added.
    """

    @property
    def needs_candidates(self) -> bool:
        """Whether the rule compares candidate masks, which not every network offers."""
        return False

    @abstractmethod
    def follow(self, num_maps: int) -> ObjectMemory:
        """Begin with an object.

        Args:
            num_maps: How many unprompted frames the network reads as maps.
        """


def trust(masks: DecodedMasks) -> Tensor:
    """The numbers of the records of `N` rows, on the device, float32 `[N, 4]`; see `FrameRecord`.

    Presence logit, predicted IoU, quality and area.
    """
    logits = masks.mask_logits[:, 0].float()
    found = logits > 0
    area = found.flatten(1).sum(1)
    certainty = (logits.sigmoid() * found).flatten(1).sum(1) / area.clamp(min=1)
    presence, predicted_iou = masks.presence_logits[:, 0].float(), masks.predicted_iou.float()
    quality = presence.sigmoid() * predicted_iou * certainty
    return torch.stack([presence, predicted_iou, quality, area.float()], dim=1)


def frame_records(
    masks: DecodedMasks, numbers: Sequence[Sequence[float]], frame_idx: int, *, prompted: bool
) -> list[FrameRecord]:
    """One record per row of what was decoded on a frame.

    Args:
        masks: What was decoded; its full-size logits are not looked at.
        numbers: Those of `trust`, on the host.
        frame_idx: The frame.
        prompted: Whether the masks were given.
    """
    logits = masks.mask_logits[:, 0].float()
    return [
        FrameRecord(
            frame_idx, prompted, presence, iou, quality, area, mask_logits, candidate_logits
        )
        for (presence, iou, quality, area), mask_logits, candidate_logits in zip(
            numbers, logits, masks.candidate_logits, strict=True
        )
    ]

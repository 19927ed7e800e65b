"""What the training forwards of Cutie and LiVOS have in common."""

from collections.abc import Sequence

import torch
from torch import Tensor

from pvuw.nets.cutie.clips import against_background, competing_logits, softmax_over_clip
from pvuw.nets.cutie.network import Decoded, FrameFeatures, ObjectMemoryNet
from pvuw.nets.matching.framing import MULTIPLE
from pvuw.ops.images import normalize_images
from pvuw.types import AuxiliaryClip, VideoBatch


class TrainingClip:
    """Clips of a batch that have objects, with the features of all their frames.

    Args:
        net: The network.
        batch: The clips.

    Raises:
        ValueError: If the batch has no object, one frame, or sides that 16 does not divide.
    """

    def __init__(self, net: ObjectMemoryNet, batch: VideoBatch) -> None:
        _check(batch)
        rows = [b for b, count in enumerate(batch.num_objects) if count]
        self.counts = [batch.num_objects[b] for b in rows]
        self.num_frames = batch.num_frames
        self.first_masks = batch.object_masks()[0].float()  # [O, H, W]
        self.features = net.encode_images(normalize_images(batch.frames[rows].flatten(0, 1)))
        self._frames = self.features.unbind(self.num_frames)

    def frame(self, t: int) -> FrameFeatures:
        """Features of one frame of every clip."""
        return self._frames[t]

    def probabilities(self, decoded: Decoded) -> Tensor:
        """Probabilities of competing objects, float32 `[O, H, W]`."""
        return softmax_over_clip(decoded.objects, decoded.background, self.counts)


def add_decoding(
    output: AuxiliaryClip,
    t: int,
    net: ObjectMemoryNet,
    features: FrameFeatures,
    decoded: Decoded,
    sensory: Tensor,
    levels: Sequence[Tensor],
    counts: Sequence[int],
) -> None:
    """Add the decoding of a frame as the loss takes it: log-odds against background throughout.

    Args:
        output: What it is added to.
        t: The frame.
        net: The network.
        features: Those of the frame.
        decoded: Its masks.
        sensory: The recurrent state to predict auxiliary masks from, float `[O, C, h, w]`.
        levels: Logits of each level of the object transformer, float `[O, h, w]`.
        counts: Objects of each clip.
    """
    auxiliary = [net.aux_computer.sensory_aux(features.pixels, sensory, counts), *levels]
    competing = [
        against_background(*competing_logits(logits.sigmoid(), counts), counts)
        for logits in auxiliary
    ]
    output.mask_logits[t] = against_background(decoded.objects, decoded.background, counts)
    output.sensory_logits[t] = competing[0]
    output.level_logits[t] = torch.stack(competing[1:], dim=1)


def _check(batch: VideoBatch) -> None:
    if not any(batch.num_objects):
        raise ValueError(f"no object in the clips of {', '.join(batch.video_ids)}")
    if batch.num_frames < 2:
        raise ValueError("a clip needs two frames at least, the first being given, got 1")
    if any(side % MULTIPLE for side in batch.frames.shape[-2:]):
        raise ValueError(
            f"frames of {MULTIPLE}-fold height and width are needed, got "
            f"{tuple(batch.frames.shape[-2:])}; set data.clip.size"
        )

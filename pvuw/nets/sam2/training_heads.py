"""Masks of a training frame with their candidates, from features fused with memory."""

from dataclasses import dataclass

import torch
from sam2.modeling.sam2_base import NO_OBJ_SCORE, SAM2Base
from torch import Tensor
from torch.nn import functional as F

from pvuw.nets.sam2.clicks import Points
from pvuw.nets.sam2.decoding import object_pointers
from pvuw.nets.sam2.features import scale_masks

GIVEN_LOGIT = 10.0
"""Of pixels inside a given mask; outside it is as far below 0."""


@dataclass
class Decoded:
    """One decoding of one frame for `O` objects."""

    candidates: Tensor
    """Candidate masks as the loss judges them, float32 `[O, M, S, S]`."""
    predicted_iou: Tensor
    """Of each candidate, float `[O, M]`."""
    presence_logits: Tensor
    """Float `[O, 1]`."""
    quarter_logits: Tensor
    """The mask the network believes in most, float32 `[O, 1, S/4, S/4]`."""
    full_logits: Tensor
    """The same as memory takes it, float32 `[O, 1, S, S]`."""
    token: Tensor | None
    """Mask token the object pointer is made of, float `[O, D]`; None where `pointer` is known."""
    pointer: Tensor | None = None
    """What later frames are told of each object besides its mask, float `[O, D]`."""


class TrainingHeads:
    """Decodes training frames; one instance serves one batch.

    Does what `SAM2Base._forward_sam_heads` does, but makes the decoder's position encoding once,
    makes object pointers only of decodings that enter memory, and can keep the masks of visible
    objects that the network calls absent.

    Args:
        model: The network.
        keep_mask_gradient: Candidates of an object that is visible but called absent are judged as
            they are, and not as a constant that no gradient passes. What enters memory, later
            clicks and the pointer stay as they would be in inference.
    """

    def __init__(self, model: SAM2Base, *, keep_mask_gradient: bool) -> None:
        self.model = model
        self.keep_mask_gradient = keep_mask_gradient
        self._position = model.sam_prompt_encoder.get_dense_pe()

    def decode(
        self,
        fused: Tensor,
        fine: list[Tensor] | None,
        *,
        points: Points | None,
        previous: Tensor | None,
        several: bool,
        visible: Tensor,
    ) -> Decoded:
        """Masks the network finds.

        Args:
            fused: Features fused with memory, float `[O, D, h, w]`.
            fine: The finer maps of the frame, float `[O, C, 4h, 4w]` and `[O, C, 2h, 2w]`.
            points: All clicks so far; None: the frame is tracked.
            previous: Mask logits that a click corrects, float `[O, 1, S/4, S/4]`.
            several: Offer three candidates instead of one.
            visible: Whether each object is truly there, bool `[O, 1]`.
        """
        model = self.model
        sparse, dense = model.sam_prompt_encoder(
            points=_as_tensors(points, fused), boxes=None, masks=previous
        )
        masks, predicted_iou, tokens, presence = model.sam_mask_decoder(
            image_embeddings=fused,
            image_pe=self._position,
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=several,
            repeat_image=False,
            high_res_features=fine,
        )
        shown = presence > 0 if model.pred_obj_scores else torch.ones_like(visible)
        judged = shown | visible if self.keep_mask_gradient else shown
        masks = torch.where(judged[..., None, None], masks, NO_OBJ_SCORE).float()
        size_hw = (model.image_size, model.image_size)
        full = F.interpolate(masks, size=size_hw, mode="bilinear", align_corners=False)
        best = predicted_iou.argmax(dim=-1)
        quarter, best_full = _take(masks, best), _take(full, best)
        if self.keep_mask_gradient:
            quarter = torch.where(shown[..., None, None], quarter, NO_OBJ_SCORE)
            best_full = torch.where(shown[..., None, None], best_full, NO_OBJ_SCORE)
        token = _take(tokens, best)[:, 0]
        return Decoded(full, predicted_iou, presence, quarter, best_full, token)

    def adopt(self, features: Tensor, fine: list[Tensor] | None, masks: Tensor) -> Decoded:
        """Given masks as if the network had found them: it only makes their pointers.

        Args:
            features: The frame's own features, float `[O, D, h, w]`.
            fine: Its finer maps.
            masks: True masks, bool `[O, H, W]`.
        """
        given = masks[:, None]
        prompt, cells = given, self.model.sam_image_embedding_size
        if 16 * cells != given.shape[-1]:  # prompts have 16 pixels per cell, whatever images have
            prompt = scale_masks(masks, 16 * cells)
        quarter, _, predicted_iou, _, _, pointer, presence = self.model._use_mask_as_output(
            features, fine, prompt
        )
        full = torch.where(given, GIVEN_LOGIT, -GIVEN_LOGIT)
        return Decoded(full, predicted_iou, presence, quarter, full, None, pointer)

    def pointer(self, decoded: Decoded) -> Tensor:
        """Object pointers of a decoding, float `[O, D]`; of objects not there, a learned one."""
        if decoded.pointer is not None:
            return decoded.pointer
        assert decoded.token is not None
        return object_pointers(self.model, decoded.token, decoded.presence_logits)


def _take(candidates: Tensor, best: Tensor) -> Tensor:
    """The best of each object's candidates, `[O, 1, ...]`; the only one where there is one."""
    if candidates.shape[1] == 1:
        return candidates
    return candidates[torch.arange(len(best), device=best.device), best][:, None]


def _as_tensors(points: Points | None, like: Tensor) -> tuple[Tensor, Tensor]:
    """Points as the prompt encoder takes them; without any, one that says nothing (label -1)."""
    if points is not None:
        return points.xy, points.labels
    count, device = len(like), like.device
    nowhere = torch.zeros(count, 1, 2, device=device)
    return nowhere, -torch.ones(count, 1, dtype=torch.int32, device=device)

"""Masks of one frame, from features fused with memory or from a prompt."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from sam2.modeling.sam2_base import NO_OBJ_SCORE, SAM2Base
from torch import Tensor, nn
from torch.nn import functional as F

from pvuw.nets.sam2.features import SeenFrame


@dataclass
class DecodedMasks:
    """Masks of `N` objects on one frame and what comes with them."""

    mask_logits: Tensor
    """Float32 `[N, 1, S/4, S/4]`."""
    full_logits: Tensor
    """The same as memory takes them, float32 `[N, 1, S, S]`."""
    predicted_iou: Tensor
    """Float `[N]`."""
    presence_logits: Tensor
    """Float `[N, 1]`."""
    pointers: Tensor
    """What later frames are told of the objects besides their masks, float `[N, D]`."""
    candidate_logits: Tensor
    """Every mask that was on offer, the chosen one among them, float32 `[N, M, S/4, S/4]`."""


class MaskDecoding:
    """Finds or adopts the masks of a frame; the weights must not change during a video.

    Does what `SAM2Base._forward_sam_heads` does, but embeds the empty prompt and the positions of
    the decoder once per video, and returns the predicted IoU, which `track_step` drops.

    Args:
        model: The network.
        decoder: What finds masks; default: the network's own mask decoder.
    """

    blanks_absent: ClassVar[bool] = True
    """Whether an object that the network calls absent gets an empty mask."""

    def __init__(self, model: SAM2Base, decoder: nn.Module | None = None) -> None:
        self.model = model
        self._decoder = model.sam_mask_decoder if decoder is None else decoder
        self._no_prompt: tuple[Tensor, Tensor, Tensor] | None = None

    def decode(self, frame: SeenFrame, fused: Tensor, words: Tensor | None = None) -> DecodedMasks:
        """Masks the network finds: for each object the candidate it believes in most.

        Args:
            frame: The frame's own features.
            fused: Its coarse features after fusion with memory, float `[N, D, h, w]`.
            words: Tokens that say what each object is, float `[N, L, D]`; default: none.
        """
        count, rows = len(fused), torch.arange(len(fused), device=fused.device)
        sparse, dense, position = self._embed_no_prompt(fused)
        sparse = sparse.expand(count, -1, -1)
        candidates, candidate_iou, tokens, presence = self._decoder(
            image_embeddings=fused,
            image_pe=position,
            sparse_prompt_embeddings=sparse if words is None else torch.cat([sparse, words], 1),
            dense_prompt_embeddings=dense.expand(count, -1, -1, -1),
            multimask_output=self.model._use_multimask(False, None),
            repeat_image=False,
            high_res_features=frame.for_each(count).fine or None,
        )
        if self.model.pred_obj_scores and self.blanks_absent:
            candidates = torch.where(presence[..., None, None] > 0, candidates, NO_OBJ_SCORE)
        candidates = candidates.float()
        best = candidate_iou.argmax(dim=-1)  # as upstream: `max` may break ties differently
        # All candidates are upsampled: for one alone torch takes a kernel that rounds differently.
        full = self._upsample(candidates)[rows, best]
        # With the single-mask token as pointer there is one token, whatever the number of masks.
        token = tokens[rows, best.clamp(max=tokens.shape[1] - 1)]
        pointers = object_pointers(self.model, token, presence)
        quarter, predicted_iou = candidates[rows, best], candidate_iou[rows, best]
        return DecodedMasks(
            quarter[:, None], full[:, None], predicted_iou, presence, pointers, candidates
        )

    def adopt(self, frame: SeenFrame, masks: Tensor) -> DecodedMasks:
        """Given masks as if the network had found them: the network only makes their pointers.

        Args:
            frame: The frame's own features.
            masks: Float 0 or 1 `[N, 1, S, S]`.
        """
        rows = frame.for_each(len(masks))
        _, _, predicted_iou, quarter, _, pointers, presence = self.model._use_mask_as_output(
            rows.coarse, rows.fine or None, masks
        )
        # Memory gets the quarter-size masks back at full size: their edges are softer than those of
        # the full-size masks, which training writes.
        full = self._upsample(quarter)
        return DecodedMasks(quarter, full, predicted_iou[:, 0], presence, pointers, quarter)

    def _upsample(self, logits: Tensor) -> Tensor:
        size_hw = (self.model.image_size, self.model.image_size)
        return F.interpolate(logits, size=size_hw, mode="bilinear", align_corners=False)

    def _embed_no_prompt(self, like: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Sparse and dense embedding of the empty prompt, and the position encoding."""
        if self._no_prompt is None:
            prompts = self.model.sam_prompt_encoder
            nowhere = torch.zeros(1, 1, 2, device=like.device)
            padding = -torch.ones(1, 1, dtype=torch.int32, device=like.device)
            sparse, dense = prompts(points=(nowhere, padding), boxes=None, masks=None)
            self._no_prompt = (sparse, dense, prompts.get_dense_pe())
        return self._no_prompt


def object_pointers(model: SAM2Base, tokens: Tensor, presence_logits: Tensor) -> Tensor:
    """Object pointers of mask tokens, float `[N, D]`; of objects not there, a learned one.

    Args:
        model: The network.
        tokens: Output tokens of the masks, float `[N, D]`.
        presence_logits: Float `[N, 1]`.
    """
    pointers: Tensor = model.obj_ptr_proj(tokens)
    if not model.pred_obj_scores:
        return pointers
    visible = presence_logits.sigmoid() if model.soft_no_obj_ptr else (presence_logits > 0).float()
    if model.fixed_no_obj_ptr:
        pointers = visible * pointers
    blended: Tensor = pointers + (1 - visible) * model.no_obj_ptr
    return blended

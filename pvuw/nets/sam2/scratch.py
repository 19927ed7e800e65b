"""Random weights that SAM 2 can be trained from in minutes, where no checkpoint fits."""

import math

import torch
from sam2.modeling.sam2_base import SAM2Base
from torch import nn

LOCALITY = 50.0
"""Sharpness of the first guess where a frame's cell looks in memory, see `prepare_scratch`."""
PRESENCE_LOGIT = 3.0
"""First guess of the presence logit: P(visible) = 0.95."""


@torch.no_grad()
def prepare_scratch(model: SAM2Base) -> None:
    """Give freshly built weights the two biases without which training from scratch hardly starts.

    - Memory attention begins at the same place. Equal biases of query and key meet only through the
      rotary encoding, which turns them into a bump over the distance between two cells: one cell
      away the attention logit is 1.1 lower, two away 3.5, three away 5.8. With random projections
      attention is flat instead, the mask in memory reaches every cell as one average, and the
      network spends its first thousand steps learning to look where the object was.
    - Objects begin as present. A network that calls a visible object absent has its masks replaced
      by a constant, and no gradient reaches the mask.

    Weights loaded later replace both. Measured effect: docs/losses.md.

    Args:
        model: A network with fresh weights; changed in place.
    """
    for layer in model.memory_attention.layers:
        attention = layer.cross_attn_image
        head_width = attention.internal_dim // attention.num_heads
        bias = math.sqrt(LOCALITY / math.sqrt(head_width))
        nn.init.constant_(attention.q_proj.bias, bias)
        nn.init.constant_(attention.k_proj.bias, bias)
    if model.pred_obj_scores:
        head = model.sam_mask_decoder.pred_obj_score_head
        last = head.layers[-1] if hasattr(head, "layers") else head
        nn.init.constant_(last.bias, PRESENCE_LOGIT)

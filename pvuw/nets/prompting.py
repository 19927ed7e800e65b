"""Checks of what a session is given on a frame."""

import torch
from torch import Tensor

from pvuw.types import MaskPrompt, Prompt


def check_frame(frame: Tensor) -> None:
    """Refuse anything but a frame.

    Raises:
        ValueError: If `frame` is not uint8 `[3, H, W]`.
    """
    if frame.dtype != torch.uint8 or frame.ndim != 3 or frame.shape[0] != 3:
        raise ValueError(f"a frame is uint8 [3, H, W], got {frame.dtype} {list(frame.shape)}")


def masks_by_id(
    prompt: Prompt | None, frame: Tensor, *, resized: bool = False
) -> dict[int, Tensor]:
    """Mask of each prompted object, bool `[H, W]`, in the prompt's order; none without a prompt.

    Args:
        prompt: What is given on a frame.
        frame: The frame, `[3, H, W]`.
        resized: The frame was resized for the network, and the masks may still be as large as it
            once was.

    Raises:
        ValueError: If the prompt holds no masks, they are not bool `[N, H, W]` at the size of the
            frame, or an id is named twice.
    """
    if prompt is None:
        return {}
    if not isinstance(prompt, MaskPrompt):
        raise ValueError(f"a network that follows masks was given a {type(prompt).__name__}")
    size_hw = prompt.masks.shape[-2:] if resized else frame.shape[-2:]
    expected = (len(prompt.object_ids), *size_hw)
    if prompt.masks.dtype != torch.bool or tuple(prompt.masks.shape) != expected:
        raise ValueError(
            f"prompt masks must be bool {list(expected)}, one per object at the frame's size, "
            f"got {prompt.masks.dtype} {list(prompt.masks.shape)}"
        )
    masks = dict(zip(prompt.object_ids, prompt.masks, strict=True))
    if len(masks) != len(prompt.object_ids):
        raise ValueError(f"a prompt names each object once, got {prompt.object_ids}")
    return masks

"""Id maps and per-object mask logits, into one another."""

import functools
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional


def resize_logits(mask_logits: Tensor, size_hw: tuple[int, int]) -> Tensor:
    """Logits at another size: bilinear without aligned corners, the rule of the whole project.

    Args:
        mask_logits: Float `[N, h, w]`.
        size_hw: Height and width of the result, pixels.

    Returns:
        Float `[N, H, W]`.

    Example:
        >>> resize_logits(torch.ones(2, 3, 5), (6, 4)).shape
        torch.Size([2, 6, 4])
    """
    if mask_logits.shape[0] == 0:  # interpolate refuses empty batches
        return mask_logits.new_zeros(0, *size_hw)
    return functional.interpolate(
        mask_logits[None], size=size_hw, mode="bilinear", align_corners=False
    )[0]


def resize_nearest(image: Tensor, size_hw: tuple[int, int]) -> Tensor:
    """An image or id map at another size: each pixel is the one its centre falls on.

    Args:
        image: uint8 `[..., H, W]`.
        size_hw: Height and width of the result, pixels.

    Returns:
        uint8 `[..., h, w]`; the image itself where it has that size already.

    Example:
        >>> resize_nearest(torch.arange(6, dtype=torch.uint8)[None], (2, 3)).tolist()
        [[1, 3, 5], [1, 3, 5]]
    """
    if image.shape[-2:] == size_hw:
        return image
    planes = image.reshape(1, -1, *image.shape[-2:])
    resized = functional.interpolate(planes, size=size_hw, mode="nearest-exact")
    return resized.view(*image.shape[:-2], *size_hw)


def logits_to_id_map(mask_logits: Tensor, object_ids: Sequence[int]) -> Tensor:
    """The id of the strongest object at every pixel, 0 where no object's logit is above zero.

    For networks whose objects compete the logits are log-odds against background, so this equals
    the arg-max over background and objects. For independent objects (SAM 2) it is the non-overlap
    rule of its VOS script: the highest logit wins, ties go to the earlier slot.

    Args:
        mask_logits: Log-odds against background, float `[N, H, W]`.
        object_ids: File id of each slot, length `N`, each in 1..255.

    Returns:
        Id map, uint8 `[H, W]`, on the device of the logits.

    Raises:
        ValueError: If `object_ids` has another length than `N` or an id outside 1..255.

    Example:
        >>> logits = torch.tensor([[[2.0, -1.0, 3.0]], [[1.0, -2.0, 4.0]]])
        >>> logits_to_id_map(logits, [7, 3]).tolist()
        [[7, 0, 3]]
    """
    if len(object_ids) != mask_logits.shape[0]:
        raise ValueError(f"{len(object_ids)} object ids for {mask_logits.shape[0]} masks")
    if any(not 0 < i < 256 for i in object_ids):
        raise ValueError(f"object ids must be in 1..255, got {list(object_ids)}")
    if not object_ids:
        return torch.zeros(mask_logits.shape[1:], dtype=torch.uint8, device=mask_logits.device)
    strongest, slot = mask_logits.max(dim=0)
    ids = _ids_on(mask_logits.device, tuple(object_ids))
    return torch.where(strongest > 0, ids[slot], ids.new_zeros(()))


@functools.lru_cache(maxsize=64)
def _ids_on(device: torch.device, object_ids: tuple[int, ...]) -> Tensor:
    """Ids as uint8 `[N]`; the same for all frames of a video, and a copy makes a device wait."""
    with torch.inference_mode(False):
        return torch.tensor(object_ids, dtype=torch.uint8, device=device)

"""Clicks and boxes as a user would give them, made from true masks."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

BOX_NOISE = 0.1
"""Corners of a box are off by up to this share of its width and height."""
BOX_NOISE_PIXELS = 20
"""But by no more pixels than this."""

PixelChoice = Callable[[Tensor], Tensor]
"""Chooses one pixel of each mask, bool `[O, H, W]`: its place in the flattened map, `[O]`."""


@dataclass(frozen=True)
class Points:
    """Clicks and corners on one frame, the same number for each of `O` objects."""

    xy: Tensor
    """Pixels, float32 `[O, P, 2]`."""
    labels: Tensor
    """What each says, int32 `[O, P]`: 0 not this object, 1 this object, 2 and 3 corners of a box
    (top left, bottom right)."""

    def __add__(self, later: "Points") -> "Points":
        """These points followed by later ones."""
        return Points(
            torch.cat([self.xy, later.xy], dim=1), torch.cat([self.labels, later.labels], dim=1)
        )


def uniform_pixels(allowed: Tensor) -> Tensor:
    """A pixel of each mask, every one equally likely; 0 where the mask is empty.

    One random number per mask, however large, from torch's global generator.

    Args:
        allowed: Bool `[O, H, W]`.

    Returns:
        Place in the flattened mask, int64 `[O]`.

    Example:
        >>> uniform_pixels(torch.tensor([[[False, False], [True, False]]]))
        tensor([2])
    """
    so_far = allowed.flatten(1).cumsum(1)  # [O, HW]
    count = so_far[:, -1:]
    # float64: float32 cannot tell the pixels of a 1024 x 1024 mask and the last one apart.
    uniform = torch.rand(len(allowed), 1, dtype=torch.float64, device=allowed.device)
    rank = (uniform * count).long().clamp(max=(count - 1).clamp(min=0)) + 1
    found = torch.searchsorted(so_far, rank)[:, 0]
    return torch.where(count[:, 0] > 0, found, 0)


def click(
    truth: Tensor, found: Tensor | None = None, *, choose: PixelChoice = uniform_pixels
) -> Points:
    """One click per object where its mask is wrong, on pixels missed and pixels too many alike.

    A mask without error gets a click beside the object. (Where the object fills the frame there is
    no such place: the click goes to the first pixel and says "this object"; upstream's says the
    opposite.)

    Args:
        truth: True masks, bool `[O, H, W]`.
        found: Masks the network found, bool `[O, H, W]`; None: nothing was found yet, so the click
            lands on the object, or beside it where it is absent.
        choose: Picks one of the pixels that may be clicked.
    """
    wrong = truth if found is None else truth ^ found
    correct = ~wrong.flatten(1).any(1)
    pixel = choose(torch.where(correct[:, None, None], ~truth, wrong))
    labels = truth.flatten(1).gather(1, pixel[:, None]).int()
    width = truth.shape[-1]
    xy = torch.stack([pixel % width, pixel // width], dim=-1).float()
    return Points(xy[:, None], labels)


def noisy_box(truth: Tensor) -> Points:
    """A box around each object as two corners, each coordinate off by up to a tenth of its size.

    An absent object gets a box turned inside out, from the last pixel to the first, as upstream.

    Args:
        truth: True masks, bool `[O, H, W]`.
    """
    height, width = truth.shape[-2:]
    left, right = _extent(truth.any(1))
    top, bottom = _extent(truth.any(2))
    corners = torch.stack([left, top, right, bottom], dim=-1)  # [O, 4]
    size = torch.stack([right - left, bottom - top], dim=-1).repeat(1, 2)
    reach = (size * BOX_NOISE).clamp(max=BOX_NOISE_PIXELS)
    # The shape of upstream's draw, and so its numbers.
    noise = 2 * torch.rand(len(truth), 1, 4, device=truth.device)[:, 0] - 1
    last = torch.tensor([width - 1, height - 1] * 2, device=truth.device)
    moved = (corners + noise * reach).clamp(torch.zeros_like(last), last)
    labels = torch.tensor([2, 3], dtype=torch.int32, device=truth.device)
    return Points(moved.view(-1, 2, 2), labels.expand(len(truth), 2))


def _extent(occupied: Tensor) -> tuple[Tensor, Tensor]:
    """First and last True of each row of bool `[O, L]`; `L` and -1 where there is none."""
    length = occupied.shape[1]
    place = torch.arange(length, device=occupied.device)
    first = torch.where(occupied, place, length).amin(1)
    return first, torch.where(occupied, place, -1).amax(1)

"""A frame on its way into a network and back: size, padding, normalisation."""

from dataclasses import dataclass
from typing import Literal

from torch import Tensor
from torch.nn import functional

from pvuw.ops.images import normalize_images

MULTIPLE = 16
"""What the sides of a network's picture are padded to multiples of."""


@dataclass(frozen=True)
class SizePolicy:
    """At which size frames enter a network; masks come out at that size too."""

    shorter_side: int | None = 480
    """Pixels of the shorter side; null: as the frame is."""
    enlarge: bool = True
    """Enlarge frames whose shorter side is less (XMem, LiVOS), instead of leaving them (Cutie)."""
    antialias: bool = True
    """Average over the pixels a smaller picture leaves out, as torchvision has done by default
    since 0.17; False is what it did when XMem was published."""
    mask_resize: Literal["nearest", "nearest-exact"] = "nearest-exact"
    """How prompts are resized: as Pillow does it, or (XMem) without the shift by half a pixel."""
    padding: Literal["mean", "black"] = "mean"
    """Colour of the padding: ImageNet's mean where frames are normalised before they are padded
    (XMem), black where after (Cutie, LiVOS)."""

    def __post_init__(self) -> None:
        if self.shorter_side is not None and self.shorter_side < MULTIPLE:
            raise ValueError(f"shorter_side must be at least {MULTIPLE}, got {self.shorter_side}")

    def network_size(self, size_hw: tuple[int, int], scale: float = 1.0) -> tuple[int, int]:
        """Height and width at which a frame of `size_hw` enters the network, before padding.

        Args:
            size_hw: Height and width of the frame.
            scale: Multiplies what the policy says.

        Example:
            >>> SizePolicy().network_size((1080, 1920))
            (480, 853)
            >>> SizePolicy(enlarge=False).network_size((240, 320))
            (240, 320)
        """
        shorter = min(size_hw)
        wanted = self.shorter_side
        if wanted is None or (shorter < wanted and not self.enlarge):
            wanted = shorter
        wanted = round(wanted * scale)
        # Integers, as 480 * (853 / 480) may fall below 853.
        height, width = (wanted * side // shorter for side in size_hw)
        return height, width


class Framing:
    """Brings a video's frames to a network's picture, and its maps back.

    Args:
        size_hw: Size of the frames.
        policy: At which size they enter.
        scale: Multiplies that size.
    """

    def __init__(self, size_hw: tuple[int, int], policy: SizePolicy, *, scale: float = 1.0) -> None:
        self.size_hw = size_hw
        self.policy = policy
        self.inner_hw = policy.network_size(size_hw, scale)
        self.padding = centred_padding(self.inner_hw)

    def check(self, frame: Tensor) -> "Framing":
        """Return itself if a frame has the size of those before.

        Raises:
            ValueError: If it has another.
        """
        size_hw = (frame.shape[-2], frame.shape[-1])
        if size_hw != self.size_hw:
            raise ValueError(f"frames of a video have one size, got {size_hw} after {self.size_hw}")
        return self

    def image(self, frame: Tensor) -> Tensor:
        """The picture: uint8 `[3, H, W]` to normalised and padded float32 `[1, 3, h, w]`."""
        if self.policy.padding == "black":
            return normalize_images(
                functional.pad(self._resized(frame.float() / 255), self.padding)
            )
        return functional.pad(self._resized(normalize_images(frame)), self.padding)

    def mask(self, mask: Tensor) -> Tensor:
        """A prompt's mask in the picture: bool `[H, W]` to float32 `[h, w]` of 0 and 1."""
        resized = mask.float()
        if self.inner_hw != self.size_hw:
            mode = self.policy.mask_resize
            resized = functional.interpolate(resized[None, None], self.inner_hw, mode=mode)[0, 0]
        return functional.pad(resized, self.padding)

    def _resized(self, image: Tensor) -> Tensor:
        """Float `[3, H, W]` to `[1, 3, h, w]` without padding."""
        if self.inner_hw == self.size_hw:
            return image[None]
        return functional.interpolate(
            image[None],
            self.inner_hw,
            mode="bilinear",
            align_corners=False,
            antialias=self.policy.antialias,
        )

    def crop(self, padded: Tensor) -> Tensor:
        """A map of the picture without its padding: `[..., h, w]` to `inner_hw`."""
        return unpad(padded, self.padding)


def centred_padding(
    size_hw: tuple[int, int], multiple: int = MULTIPLE
) -> tuple[int, int, int, int]:
    """Pixels to add left, right, above and below, so that `multiple` divides both sides.

    Half on each side, an odd pixel to the right and below.

    Example:
        >>> centred_padding((119, 208))
        (0, 0, 4, 5)
    """
    vertical, horizontal = (-side % multiple for side in size_hw)
    left, above = horizontal // 2, vertical // 2
    return left, horizontal - left, above, vertical - above


def unpad(padded: Tensor, padding: tuple[int, int, int, int]) -> Tensor:
    """What is left of `[..., H, W]` without its padding of left, right, above and below.

    Example:
        >>> import torch
        >>> unpad(torch.arange(9).view(3, 3), (1, 0, 0, 2)).tolist()
        [[1, 2]]
    """
    left, right, above, below = padding
    height, width = padded.shape[-2:]
    return padded[..., above : height - below, left : width - right]

"""Sensory memory: a map per object that a gated recurrent unit carries from frame to frame.

XMem, Cutie and LiVOS share it (Cheng and Schwing 2022, section 3.4).
"""

import torch
from torch import Tensor, nn

from pvuw.nets.matching.groups import GroupConv2d, shrink_group


class SensoryUpdate(nn.Module):
    """Renews sensory memory from the decoder's maps at three scales, on every frame.

    Args:
        in_channels: Channels of the maps at a sixteenth, an eighth and a quarter.
        mid_channels: Channels they are brought to before they are added.
        sensory_channels: Channels of sensory memory.
    """

    def __init__(
        self, in_channels: tuple[int, int, int], mid_channels: int, sensory_channels: int
    ) -> None:
        super().__init__()
        self.g16_conv = GroupConv2d(in_channels[0], mid_channels, 1)
        self.g8_conv = GroupConv2d(in_channels[1], mid_channels, 1)
        self.g4_conv = GroupConv2d(in_channels[2], mid_channels, 1)
        self.transform = GroupConv2d(
            mid_channels + sensory_channels, 3 * sensory_channels, 3, padding=1
        )

    def forward(self, g16: Tensor, g8: Tensor, g4: Tensor, sensory: Tensor) -> Tensor:
        """Next sensory memory, `[B, N, C, h, w]`, the maps being 1, 2 and 4 times that size."""
        small = self.g16_conv(g16)
        small = small + self.g8_conv(shrink_group(g8, 2))
        small = small + self.g4_conv(shrink_group(g4, 4))
        return gated(self.transform(torch.cat([small, sensory], dim=2)), sensory)


class DeepSensoryUpdate(nn.Module):
    """Renews sensory memory from a memory frame's value, which has seen the mask at full size.

    Args:
        in_channels: Channels of the value.
        sensory_channels: Channels of sensory memory.
    """

    def __init__(self, in_channels: int, sensory_channels: int) -> None:
        super().__init__()
        self.transform = GroupConv2d(
            in_channels + sensory_channels, 3 * sensory_channels, 3, padding=1
        )

    def forward(self, value: Tensor, sensory: Tensor) -> Tensor:
        """Next sensory memory, `[B, N, C, h, w]`."""
        return gated(self.transform(torch.cat([value, sensory], dim=2)), sensory)


def gated(gates: Tensor, sensory: Tensor) -> Tensor:
    """What a gated recurrent unit keeps of the old state and takes of the new one.

    Args:
        gates: Forget gate, update gate and candidate before their activations, `[B, N, 3 C, h, w]`.
        sensory: The old state, `[B, N, C, h, w]`.

    Returns:
        Float32 `[B, N, C, h, w]`: `forget * old * (1 - update) + update * new`.

    Example:
        >>> gates = torch.tensor([9.0, -9.0, 0.5]).view(1, 1, 3, 1, 1)  # keep, do not update
        >>> gated(gates, torch.full((1, 1, 1, 1, 1), 0.8)).item()
        0.79985...
    """
    keep, update, new = gates.float().chunk(3, dim=2)
    keep, update = keep.sigmoid(), update.sigmoid()
    return keep * sensory * (1 - update) + update * new.tanh()

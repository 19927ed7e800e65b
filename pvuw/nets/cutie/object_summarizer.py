"""Turns an object's mask and features into a few vectors that stand for it."""

import torch
from torch import Tensor, nn

from pvuw.nets.cutie.clips import shrink
from pvuw.nets.cutie.positions import SinePositions


class ObjectSummarizer(nn.Module):
    """Pools features into `num_summaries` vectors per object, half inside its mask, half outside.

    What comes out are sums and the weights that went into them, so that summaries of several frames
    are added and divided when they are used. Cheng et al. (2024), section 3.4,
    https://arxiv.org/abs/2310.12982. Shared with LiVOS.

    Args:
        dim: Channels.
        num_summaries: Vectors per object, even.
    """

    def __init__(self, dim: int, *, num_summaries: int = 16) -> None:
        super().__init__()
        self.num_summaries = num_summaries
        self.pos_enc = SinePositions(dim)
        self.input_proj = nn.Linear(dim, dim)
        self.feature_pred = nn.Sequential(nn.Linear(dim, dim), nn.ReLU(), nn.Linear(dim, dim))
        self.weights_pred = nn.Sequential(
            nn.Linear(dim, dim), nn.ReLU(), nn.Linear(dim, num_summaries)
        )

    def forward(self, masks: Tensor, values: Tensor) -> Tensor:
        """Sums of features and, in the last channel, of weights: float32 `[O, Q, C + 1]`.

        Args:
            masks: Probabilities, float `[O, H, W]`.
            values: Features of each object's mask, float `[O, C, h, w]`.
        """
        size_hw = (values.shape[-2], values.shape[-1])
        inside = shrink(masks.float(), size_hw)[..., None]
        half = self.num_summaries // 2
        allowed = torch.cat(
            [inside.expand(-1, -1, -1, half), (1 - inside).expand(-1, -1, -1, half)], -1
        )
        cells = self.input_proj(values.permute(0, 2, 3, 1)) + self.pos_enc(size_hw)
        with torch.autocast(values.device.type, enabled=False):  # sums over a whole map
            cells = cells.float()
            weights = self.weights_pred(cells).sigmoid() * allowed
            sums = torch.einsum("ohwq,ohwc->oqc", weights, self.feature_pred(cells))
            total = weights.sum(dim=(1, 2))[..., None]
            return torch.cat([sums, total], dim=-1)

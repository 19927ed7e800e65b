"""From queries to masks: a pyramid of features, and queries that read it."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pvuw.nets.referdino.config import ReferDinoConfig
from pvuw.nets.referdino.layers import DecoderLayer


class PixelDecoder(nn.Module):
    """Features of stride 4 from those of strides 32, 16, 8 and 4, the coarse ones first.

    Args:
        config: Size of the network.
    """

    def __init__(self, config: ReferDinoConfig) -> None:
        super().__init__()
        width = config.width
        sizes = [width, width, width // 2, width // 4, width // 8, width // 16]
        for step in range(1, 6):
            before, after = sizes[step - 1], sizes[step]
            self.add_module(f"lay{step}", nn.Conv2d(before, after, 3, padding=1))
            self.add_module(f"gn{step}", nn.GroupNorm(8, after))
        for step, before in enumerate((width, width, config.swin.width), 1):
            self.add_module(f"adapter{step}", nn.Conv2d(before, sizes[step + 1], 1))
        self.out_lay = nn.Conv2d(sizes[-1], width, 3, padding=1)

    def narrow(self, coarse: Tensor, finer: list[Tensor]) -> Tensor:
        """The features before they are widened, float `[T, C / 16, h, w]`: all that need be kept.

        Args:
            coarse: Of stride 32, float `[T, C, h / 8, w / 8]`.
            finer: Of strides 16, 8 and 4.
        """
        features = self._step(1, coarse)
        features = self._step(2, features)
        for step, level in enumerate(finer, 1):
            adapted = self.get_submodule(f"adapter{step}")(level)
            features = adapted + F.interpolate(features, adapted.shape[-2:], mode="nearest")
            features = self._step(step + 2, features)
        return features

    def widen(self, narrow: Tensor) -> Tensor:
        """The features that queries read, float `[T, C, h, w]`."""
        wide: Tensor = self.out_lay(narrow)
        return wide

    def _step(self, step: int, features: Tensor) -> Tensor:
        convolved = self.get_submodule(f"lay{step}")(features)
        return F.relu(self.get_submodule(f"gn{step}")(convolved))


class MaskDecoder(nn.ModuleList):
    """Queries look at the features of stride 4 and become what masks are multiplied with.

    Args:
        config: Size of the network.
    """

    def __init__(self, config: ReferDinoConfig) -> None:
        super().__init__(
            DecoderLayer(config.width, config.heads, 1, config.mask_points, config.mask_hidden)
            for _ in range(config.mask_layers)
        )

    def forward(
        self, queries: Tensor, places: Tensor, boxes: Tensor, words: Tensor, features: Tensor
    ) -> Tensor:
        """Mask logits, float `[T, Q, h, w]`.

        Args:
            queries: Float `[T, Q, C]`.
            places: Codes of their boxes, float `[T, Q, C]`.
            boxes: Float `[T, Q, 4]`.
            words: Float `[T, L, C]`.
            features: Float `[T, C, h, w]`.
        """
        maps = [(features.shape[-2], features.shape[-1])]
        cells = features.flatten(2).transpose(1, 2)
        for layer in self:
            queries, _ = layer(queries, places, boxes, words, cells, maps)
        return torch.einsum("tqc,tchw->tqhw", queries, features)

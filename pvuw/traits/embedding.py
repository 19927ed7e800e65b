"""Objects described by any frozen backbone; torch is imported only when one is built."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pvuw.errors import DataError, WeightsError

if TYPE_CHECKING:
    import torch

# ImageNet statistics: what torchvision's, timm's and DINO's backbones were trained with.
_MEAN = np.array([0.485, 0.456, 0.406], dtype=np.float32)
_STD = np.array([0.229, 0.224, 0.225], dtype=np.float32)


@dataclass(frozen=True, kw_only=True)
class EmbeddingConfig:
    """A backbone that replaces the colour and texture statistics."""

    class_path: str
    """Import path of a class or function that returns an `nn.Module`, for example
    `torchvision.models.resnet18`. Called with `[1, 3, size, size]` it gives `[1, D]` or
    `[1, D, h, w]`."""
    init_args: dict[str, Any] = field(default_factory=dict)
    """Its arguments."""
    weights: Path | None = None
    """State dict for the module, loaded strictly; None: `init_args` bring the weights."""
    size: int = 224
    """Side of the square crop in pixels."""


class BackboneEmbedding:
    """Embedding of each object's crop by a frozen network, everything but the object greyed out.

    The crop is the box widened to a square, resized to `size`; pixels outside the mask take the
    ImageNet mean colour. A feature map is averaged over its cells.

    Raises:
        DataError: If the class cannot be imported.
        WeightsError: If the weights do not fit it.
    """

    def __init__(self, config: EmbeddingConfig) -> None:
        self._size = config.size
        self._network = _build(config)

    def __call__(
        self, frame: NDArray[np.uint8], masks: Mapping[int, NDArray[np.bool_]]
    ) -> NDArray[np.float32]:
        """Return one row per mask, `[N, D]`, each of length 1."""
        import torch

        with torch.inference_mode():
            rows = []
            for mask in masks.values():
                crop = torch.from_numpy(_crop(frame, mask, self._size))
                features = self._network(crop.permute(2, 0, 1)[None])
                vector = features if features.ndim == 2 else features.mean(dim=(-2, -1))
                rows.append(torch.nn.functional.normalize(vector[0].float(), dim=0).numpy())
        return np.stack(rows)


def _build(config: EmbeddingConfig) -> "torch.nn.Module":
    import torch

    module_name, _, name = config.class_path.rpartition(".")
    try:
        network = getattr(import_module(module_name), name)(**config.init_args)
    except (ImportError, AttributeError, ValueError) as error:
        raise DataError(
            f"{config.class_path}: cannot be imported ({error}); give the full path of a class, "
            "such as torchvision.models.resnet18"
        ) from error
    if config.weights is not None:
        _load(network, config.weights, config.class_path)
    module: torch.nn.Module = network.eval()
    return module


def _load(network: "torch.nn.Module", path: Path, name: str) -> None:
    import torch

    try:
        network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    except OSError as error:
        raise WeightsError(f"{path}: no readable file; check the path of the weights") from error
    except RuntimeError as error:
        what = " ".join(str(error).split())
        raise WeightsError(f"{path}: does not fit {name}: {what}") from error


def _crop(frame: NDArray[np.uint8], mask: NDArray[np.bool_], size: int) -> NDArray[np.float32]:
    """Return the normalised square crop around an object, float32 `[size, size, 3]`."""
    left, top, width, height = cv2.boundingRect(mask.view(np.uint8))
    box = np.s_[top : top + height, left : left + width]
    pixels = (frame[box].astype(np.float32) / 255 - _MEAN) / _STD
    pixels[~mask[box]] = 0  # the mean colour, once normalised
    side = max(width, height)
    x, y = (side - width) // 2, (side - height) // 2
    square = np.zeros((side, side, 3), dtype=np.float32)
    square[y : y + height, x : x + width] = pixels
    interpolation = cv2.INTER_AREA if side > size else cv2.INTER_LINEAR
    resized = cv2.resize(square, (size, size), interpolation=interpolation)
    return resized.astype(np.float32, copy=False)

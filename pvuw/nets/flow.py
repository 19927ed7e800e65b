"""Optical flow between neighbouring frames by RAFT, computed once per pair.

Teed and Deng, "RAFT", ECCV 2020, https://arxiv.org/abs/2003.12039, as torchvision has it. Nothing
is downloaded: weights come from a file (docs/weights.md).
"""

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models.optical_flow import raft_large, raft_small

from pvuw.errors import DataError, PvuwError, WeightsError
from pvuw.io.atomic import atomic_path
from pvuw.nets.checkpoint import read_checkpoint, weight_differences
from pvuw.ops.flow import flow_to_rgb

_MULTIPLE = 8
_SMALLEST = 128
"""RAFT takes sides that are multiples of 8 and at least 128 pixels."""
_PAIRS_AT_ONCE = 4


@dataclass(frozen=True)
class FlowConfig:
    """How motion is estimated and drawn."""

    weights: Path | None = None
    """RAFT weights as torchvision publishes them; estimating is refused without."""
    model: Literal["large", "small"] = "large"
    """`large` is what TMO's authors used (5.3 M parameters), `small` has 1.0 M."""
    updates: int = 12
    """Refinements of the flow; fewer are faster and coarser."""
    short_side: int | None = None
    """Frames with a longer short side are shrunk to this many pixels first; None: never."""
    last: Literal["backward", "repeat"] = "backward"
    """The last frame has no next one: draw its flow to the frame before, or repeat that frame's."""
    jpeg_quality: int | None = None
    """Pass pictures of motion through JPEG of this quality, since TMO was trained on such files of
    unknown quality; None: as drawn."""
    cache: Path | None = None
    """Folder for the flow of video frames; a pair found there is not computed again."""

    def __post_init__(self) -> None:
        """Refuse values that have no meaning."""
        if self.updates < 1:
            raise ValueError(f"flow.updates must be at least 1, got {self.updates}")
        if self.short_side is not None and self.short_side < 1:
            raise ValueError(f"flow.short_side must be at least 1, got {self.short_side}")
        if self.jpeg_quality is not None and not 1 <= self.jpeg_quality <= 100:
            raise ValueError(f"flow.jpeg_quality must be in 1..100, got {self.jpeg_quality}")


class FlowEstimator:
    """Flow between frames and its pictures.

    No `nn.Module`: RAFT is a tool that is never trained, so its weights enter no checkpoint and no
    optimizer. It follows the frames to their device.

    Args:
        config: Which weights, at which size.

    Raises:
        WeightsError: If the weights do not fit the model.
    """

    def __init__(self, config: FlowConfig) -> None:
        self.config = config
        self._net = build_raft(config)
        self._fingerprint = _fingerprint(config, self._net) if config.cache else ""

    @torch.no_grad()
    def estimate(self, first: Tensor, second: Tensor) -> Tensor:
        """Flow from each first frame to its second one, in pixels right, then down.

        Args:
            first: uint8, or float in 0..1, `[B, 3, H, W]` RGB.
            second: The same shape.

        Returns:
            Float32 `[B, 2, H, W]` on the device of the frames.

        Raises:
            PvuwError: If no weights were given.
        """
        if self.config.weights is None:
            raise PvuwError(
                "optical flow needs RAFT's weights: give flow.weights a file (docs/weights.md), or "
                "leave flow out to use frames in place of motion"
            )
        self._net.to(first.device)
        chunks = zip(*(torch.split(f, _PAIRS_AT_ONCE) for f in (first, second)), strict=True)
        with torch.autocast(first.device.type, enabled=False):
            return torch.cat([self._estimate(a, b) for a, b in chunks])

    def between(self, first: Tensor, second: Tensor) -> Tensor:
        """Flow `[2, H, W]` between two frames uint8 `[3, H, W]`, from the cache where it has it.

        With a cache, values are rounded to float16, found or not, so that it changes no result.

        Raises:
            DataError: If a cached file is damaged.
        """
        if self.config.cache is None:
            return self.estimate(first[None], second[None])[0]
        digest = hashlib.sha256(self._fingerprint.encode())
        for frame in (first, second):
            digest.update(str(tuple(frame.shape)).encode() + frame.cpu().numpy().tobytes())
        name = digest.hexdigest()
        path = self.config.cache / name[:2] / f"{name}.npy"
        if path.is_file():
            return _read_flow(path).to(first.device)
        flow = self.estimate(first[None], second[None])[0].half()
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            np.save(file, flow.cpu().numpy())
        return flow.float()

    def picture(self, flow: Tensor) -> Tensor:
        """Colours of a flow `[2, H, W]`, uint8 `[3, H, W]` on its device."""
        colors = flow_to_rgb(flow)
        quality = self.config.jpeg_quality
        return colors if quality is None else through_jpeg(colors, quality)

    def clip_pictures(self, frames: Tensor) -> Tensor:
        """Pictures of the motion in a clip, one for each frame, the last by `config.last`.

        Args:
            frames: uint8, or float in 0..1, `[T, 3, H, W]`, at least two.

        Returns:
            uint8 `[T, 3, H, W]`.
        """
        first, second = frames[:-1], frames[1:]
        if self.config.last == "backward":
            first, second = torch.cat([first, frames[-1:]]), torch.cat([second, frames[-2:-1]])
        pictures = [self.picture(flow) for flow in self.estimate(first, second)]
        return torch.stack(pictures + pictures[-1:] * (len(frames) - len(pictures)))

    def _estimate(self, first: Tensor, second: Tensor) -> Tensor:
        height, width = first.shape[-2:]
        shrink = min(1.0, (self.config.short_side or height + width) / min(height, width))
        inner_hw = (max(1, round(height * shrink)), max(1, round(width * shrink)))
        frames = [_prepare(frame, inner_hw) for frame in (first, second)]
        flow: Tensor = self._net(*frames, num_flow_updates=self.config.updates)[-1]
        flow = flow[..., : inner_hw[0], : inner_hw[1]]
        if inner_hw == (height, width):
            return flow
        scale = flow.new_tensor([width / inner_hw[1], height / inner_hw[0]])[:, None, None]
        enlarged = functional.interpolate(flow, size=(height, width), mode="bilinear")
        return enlarged * scale


def build_raft(config: FlowConfig) -> nn.Module:
    """RAFT in evaluation mode with a file's weights, or random ones without a file.

    Raises:
        WeightsError: If the file is missing or damaged, or its weights do not fit.
    """
    net: nn.Module = (raft_large if config.model == "large" else raft_small)(weights=None)
    net.requires_grad_(False).eval()
    if config.weights is not None:
        weights = read_checkpoint(config.weights).weights
        problems = weight_differences(weights, net.state_dict())
        if problems:
            raise WeightsError(
                f"{config.weights}: does not fit RAFT {config.model}; set flow.model to the other "
                f"size or load torchvision's weights ({'; '.join(problems)})"
            )
        net.load_state_dict(weights)
    return net


def through_jpeg(image: Tensor, quality: int) -> Tensor:
    """An image, uint8 `[3, H, W]`, as JPEG of a quality in 1..100 gives it back."""
    buffer = io.BytesIO()
    Image.fromarray(image.permute(1, 2, 0).cpu().numpy()).save(buffer, "JPEG", quality=quality)
    with Image.open(buffer) as decoded:
        pixels = np.array(decoded)
    return torch.from_numpy(pixels).permute(2, 0, 1).to(image.device)


def _prepare(frames: Tensor, size_hw: tuple[int, int]) -> Tensor:
    """Frames in -1..1 at a size, the right and lower edge repeated to what RAFT can take."""
    frames = frames.float() / 255 if frames.dtype == torch.uint8 else frames.float()
    if frames.shape[-2:] != size_hw:
        frames = functional.interpolate(frames, size=size_hw, mode="bilinear", antialias=True)
    down, right = (max(_SMALLEST, -(-side // _MULTIPLE) * _MULTIPLE) - side for side in size_hw)
    return functional.pad(frames * 2 - 1, (0, right, 0, down), mode="replicate")


def _fingerprint(config: FlowConfig, net: nn.Module) -> str:
    """Text that differs wherever the flow of a pair may."""
    digest = hashlib.sha256()
    for weight in net.state_dict().values():
        digest.update(weight.numpy().tobytes())
    return f"{config.model} {config.updates} {config.short_side} {digest.hexdigest()}"


def _read_flow(path: Path) -> Tensor:
    try:
        return torch.from_numpy(np.load(path)).float()
    except (ValueError, EOFError, OSError) as error:
        raise DataError(f"{path}: damaged flow ({error}); delete it") from error

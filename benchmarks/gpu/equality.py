"""Part: the device gives what the CPU gives, within what rounding does to the CPU itself.

The bound of a figure is its noise floor, how far the CPU's float32 result moves when every weight
gets relative noise of one rounding of the precision in question, times a factor: 10 as in the
tests for float32, 3 for bf16, whose autocast keeps half of what is rounded in float32.
"""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from benchmarks.gpu.sitting import Settings, Unit
from pvuw.losses import BootstrappedLoss, ClipLoss, ForegroundLoss, PointSampledLoss, VOSLoss
from pvuw.nets.base import VideoSegmenter
from pvuw.nets.cutie import Cutie
from pvuw.nets.livos import LiVOS
from pvuw.nets.sam2 import Sam2
from pvuw.nets.sam3 import Sam3
from pvuw.nets.tmo import Tmo
from pvuw.nets.xmem import XMem
from pvuw.types import MaskPrompt, VideoBatch
from tests.helpers.sam2_training import make_batch

FACTORS = {torch.float32: 10.0, torch.bfloat16: 3.0}
NETWORKS: dict[str, tuple[Callable[[int], VideoSegmenter], Callable[[], ClipLoss]]] = {
    "SAM 2 nano": (lambda side: Sam2(image_size=side, weights="shipped"), VOSLoss),
    "XMem": (lambda side: XMem(), BootstrappedLoss),
    "Cutie small": (lambda side: Cutie("small"), PointSampledLoss),
    "LiVOS": (lambda side: LiVOS(), PointSampledLoss),
    "SAM 3 nano": (lambda side: Sam3("nano", image_size=side), VOSLoss),
    "TMO": (lambda side: Tmo(image_size=side), ForegroundLoss),
}


def units(settings: Settings) -> Iterator[Unit]:
    """Each network, predicting and training, in each precision."""
    names = ["SAM 2 nano", "SAM 3 nano"] if settings.toy else list(NETWORKS)
    side, frames = 224, 2 if settings.toy else 4  # all networks take them
    for name in names:
        for precision in FACTORS:
            tag = f"{name}, {str(precision).removeprefix('torch.')}"
            yield Unit(f"{tag}, predict", lambda n=name, p=precision: compare(
                settings, n, p, side, lambda net, device: predict(net, clip(frames, side), device)
            ))  # fmt: skip
            yield Unit(f"{tag}, training step", lambda n=name, p=precision: compare(
                settings, n, p, side,
                lambda net, device: train(net, NETWORKS[n][1](), clip(frames, side), device),
            ), work=2.0)  # fmt: skip


def clip(frames: int, side: int) -> VideoBatch:
    """One clip of boxes on noise, two objects."""
    return make_batch(frames, (2,), size=side)


Run = Callable[[VideoSegmenter, torch.device], Tensor]


def compare(
    settings: Settings, name: str, precision: torch.dtype, side: int, run: Run
) -> dict[str, Any]:
    """How far the device is from the CPU, how far it may be, and whether that holds."""
    torch.manual_seed(0)
    torch.set_float32_matmul_precision("highest")  # else CUDA would round float32 to 10 bits
    torch.backends.cudnn.allow_tf32 = False
    net = NETWORKS[name][0](side).eval()
    cpu = torch.device("cpu")
    plain = run(net, cpu)
    floor = (run(_noisy(net, torch.finfo(precision).eps), cpu) - plain).norm() / plain.norm()
    with torch.autocast(settings.device.type, torch.bfloat16, enabled=precision != torch.float32):
        there = run(copy.deepcopy(net).to(settings.device), settings.device)
    found = ((there - plain).norm() / plain.norm()).item()
    bound = FACTORS[precision] * floor.item()
    return {"difference": found, "bound": bound, "equal": found <= bound}


def predict(net: VideoSegmenter, batch: VideoBatch, device: torch.device) -> Tensor:
    """Probabilities of all frames of a clip, float32 on the CPU, in one vector."""
    session = net.start()
    prompt = MaskPrompt(batch.object_ids[0], batch.masks[0, 0].to(device))
    found = []
    for position, frame in enumerate(batch.frames[0].to(device)):
        given = prompt if position == 0 else None
        following = batch.frames[0, position + 1 :][:1].to(device)
        more = {"next_frame": following[0]} if net.reads_next_frame and len(following) else {}
        output = session.step(frame, given, **more)
        found.append(output.mask_logits.float().sigmoid().flatten().cpu())
    return torch.cat(found)


def train(net: VideoSegmenter, loss: ClipLoss, batch: VideoBatch, device: torch.device) -> Tensor:
    """The gradients of all weights after one step, float32 on the CPU, in one vector."""
    net.train()
    torch.manual_seed(0)
    moved = copy.copy(batch)
    moved.frames, moved.masks = batch.frames.to(device), batch.masks.to(device)
    net.zero_grad(set_to_none=True)
    loss(net.forward_clip(moved), moved).total.backward()
    net.eval()
    gradients = [p.grad for p in net.parameters() if p.grad is not None]
    return torch.cat([gradient.float().flatten().cpu() for gradient in gradients])


def _noisy(net: VideoSegmenter, eps: float) -> VideoSegmenter:
    """A copy whose every weight is off by one rounding."""
    moved = copy.deepcopy(net)
    draw = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in moved.parameters():
            weight.mul_(1 + eps * torch.randn(weight.shape, generator=draw))
    return moved

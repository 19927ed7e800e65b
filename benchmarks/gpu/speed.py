"""Parts: time and memory of prediction beside upstream's, of views, of training; waits."""

import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn

from benchmarks.ablation import FVOS
from benchmarks.gpu.sitting import Settings, Unit
from benchmarks.prediction import SIZE_HW, run_ours, run_upstream, write_video
from benchmarks.views_memory import video_in
from pvuw.inference.propagate import InferenceConfig, propagate
from pvuw.inference.views import ViewConfig
from pvuw.io.queries import Query
from pvuw.losses import VOSLoss
from pvuw.nets.sam2 import Sam2
from pvuw.nets.sam2.build import build_sam2_base
from pvuw.sample.manifest import SampleSpec
from pvuw.sample.write import write_sample
from tests.helpers.sam2_reference import build_predictor
from tests.helpers.sam2_training import make_batch

WARM_UP = 2
"""Frames that are not counted: kernels are chosen and graphs compiled on them."""


def prediction(settings: Settings) -> Iterator[Unit]:
    """Each size, number of objects, eager and compiled, ours beside upstream's."""
    sizes, side = (("nano",), 64) if settings.toy else (("tiny", "base_plus"), 1024)
    frames = 4 if settings.toy else 24
    for size in sizes:
        for compiled in (False, True):
            for objects in (1,) if settings.toy else (1, 5, 20):
                how = "compiled" if compiled else "eager"
                yield Unit(
                    f"SAM 2 {size} {side} px, {objects} object(s), {how}",
                    lambda s=size, o=objects, c=compiled: _beside(settings, s, side, o, frames, c),
                    work=objects + 4.0,
                )


def _beside(
    settings: Settings, size: str, side: int, objects: int, frames: int, compiled: bool
) -> dict[str, Any]:
    predictor = build_predictor(size, side).to(settings.device)
    net = build_sam2_base(size, image_size=side).eval().to(settings.device)
    net.load_state_dict(predictor.state_dict())
    if compiled:
        for model in (net, predictor):  # the part that upstream compiles
            _compile(model.image_encoder, settings)
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name, torch.inference_mode():
        masks = write_video(Path(name) / "video", num_frames=frames)
        given = {i + 1: masks[i % len(masks)].to(settings.device) for i in range(objects)}
        for who, run, model in (("ours", run_ours, net), ("theirs", run_upstream, predictor)):
            taken, peak = settings.peak_mib(
                lambda run=run, model=model: list(
                    run(model, Path(name) / "video", given, settings.clock)
                )
            )
            counted = sorted(frame.propagation for frame in taken[WARM_UP:])
            figures[f"{who}_ms"] = 1e3 * counted[len(counted) // 2]
            figures[f"{who}_MiB"] = peak
    figures["ratio"] = figures["ours_ms"] / figures["theirs_ms"]
    return figures


def _compile(module: nn.Module, settings: Settings) -> None:
    # At toy sizes the graph is captured and run as it is: compiling takes a minute.
    module.compile(backend="eager" if settings.toy else "inductor")


def views(settings: Settings) -> Iterator[Unit]:
    """FVOS's 35 views beside one."""
    side, frames, size = (64, 2, "nano") if settings.toy else (1024, 6, "base_plus")
    for name, config in (("1 view", ViewConfig()), ("35 views", ViewConfig(**FVOS, fusion="vote"))):
        yield Unit(
            f"SAM 2 {size} {side} px, {name}",
            lambda c=config: _views(settings, size, side, frames, c),
            work=1.0 if name == "1 view" else 35.0,
        )


def _views(
    settings: Settings, size: str, side: int, frames: int, config: ViewConfig
) -> dict[str, Any]:
    net = Sam2(size, image_size=side).eval().to(settings.device)
    with tempfile.TemporaryDirectory() as name:
        size_hw = (96, 160) if settings.toy else (1080, 1920)
        write_sample(Path(name) / "data", SampleSpec(0, 1, frames, size_hw, 1, "calm"))
        query = Query.of(video_in(Path(name)))
        began = settings.clock()
        count, peak = settings.peak_mib(
            lambda: sum(1 for _ in propagate(net, query, InferenceConfig(views=config)))
        )
        return {"ms": 1e3 * (settings.clock() - began) / count, "MiB": peak, "frames": count}


def training(settings: Settings) -> Iterator[Unit]:
    """A step of fine-tuning in bf16: forward, loss, backward; with and without recompute."""
    size, side, frames = ("nano", 64, 2) if settings.toy else ("base_plus", 1024, 8)
    for recompute in (False, True):
        how = "recomputing" if recompute else "keeping all"
        yield Unit(
            f"SAM 2 {size} {side} px, {frames} frames, 3 objects, {how}",
            lambda r=recompute: _step(settings, size, side, frames, r),
        )


def _step(settings: Settings, size: str, side: int, frames: int, recompute: bool) -> dict[str, Any]:
    net = Sam2(size, image_size=side, checkpoint_activations=recompute).to(settings.device)
    step = training_step(net, settings, frames, side)
    step()
    began = settings.clock()
    repeats = 1 if settings.toy else 3
    _, peak = settings.peak_mib(lambda: [step() for _ in range(repeats)])
    return {"s": (settings.clock() - began) / repeats, "MiB": peak}


def training_step(net: Sam2, settings: Settings, frames: int, side: int) -> Callable[[], None]:
    """A function that makes one step without the optimizer's."""
    batch = make_batch(frames, (3,), size=side)
    batch.frames = batch.frames.to(settings.device)
    batch.masks = batch.masks.to(settings.device)
    loss = VOSLoss()
    net.train()

    def step() -> None:
        net.zero_grad(set_to_none=True)
        with torch.autocast(settings.device.type, torch.bfloat16):
            output = net.forward_clip(batch)
        loss(output, batch).total.backward()

    return step


def waits(settings: Settings) -> Iterator[Unit]:
    """Times the CPU waits for the card, per predicted frame and per training step."""
    side, frames = (64, 4) if settings.toy else (1024, 12)
    yield Unit("predicted frame, SAM 2 nano", lambda: _waits_predicting(settings, side, frames))
    yield Unit("training step, SAM 2 nano", lambda: _waits_training(settings, side))


def _waits_predicting(settings: Settings, side: int, frames: int) -> dict[str, Any]:
    net = build_sam2_base("nano", image_size=side).eval().to(settings.device)
    with tempfile.TemporaryDirectory() as name, torch.inference_mode():
        masks = write_video(Path(name) / "video", num_frames=frames)
        given = {1: masks[0].to(settings.device)}
        stream = run_ours(net, Path(name) / "video", given, settings.clock)
        for _ in range(WARM_UP):
            next(stream)
        found = _count(settings, lambda: list(stream))
    return {"waits": found / (frames - WARM_UP), "frame": f"{SIZE_HW[1]}x{SIZE_HW[0]}"}


def _waits_training(settings: Settings, side: int) -> dict[str, Any]:
    step = training_step(Sam2(image_size=side).to(settings.device), settings, 2, side)
    step()
    return {"waits": _count(settings, step)}


def _count(settings: Settings, run: Callable[[], object]) -> int:
    """How often torch warns of a wait; our own measuring of time is not among them."""
    if not settings.on_cuda:
        raise NotImplementedError("only CUDA tells of waits")
    torch.cuda.set_sync_debug_mode("warn")
    try:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            run()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    return sum("synchroniz" in str(warning.message) for warning in told)

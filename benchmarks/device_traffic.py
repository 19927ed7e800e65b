"""What a predicted frame asks of a device and of the thread that drives it, counted on the CPU.

    python -m benchmarks.device_traffic

For one, six and FVOS's 35 views: resizes of a frame, and operations that on a GPU copy from the
host or wait for the device, beside the frame itself and its finished masks. At 1080p with one view:
the processor time that the driving thread spends on a frame outside the network and the upsampling
of its masks.
"""

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from unittest import mock

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

import pvuw.nets.sam2.features as sam2_features
import pvuw.nets.sam2.net as sam2_net
from benchmarks.results import Run, Table, add_save
from benchmarks.tables import markdown
from pvuw.inference import lockstep
from pvuw.inference.prompting import mask_prompts
from pvuw.inference.views import ViewConfig
from pvuw.io.masks import write_id_map
from pvuw.io.png_masks import PngMasks
from pvuw.io.queries import Query
from pvuw.io.videos import Video
from pvuw.nets.base import VideoSegmenter
from pvuw.nets.sam2 import Sam2
from pvuw.nets.sam2.session import Sam2Session
from pvuw.ops.id_maps import logits_to_id_map

WAITS = ("lift_fresh", "_local_scalar_dense", "nonzero", "is_nonzero", "masked_select")
"""Tensors made of Python numbers, numbers read back, results of unknown length."""
FVOS = ViewConfig([1 + i / 8 for i in range(7)], [0, 90, 180, 270], [False, True])
VIEWS = {
    1: ViewConfig(),
    6: ViewConfig([1.0, 1.5], [0, 90], [False, True]),
    35: FVOS,
}


class Waits(TorchDispatchMode):
    """Counts operations that wait, of the thread that enters it alone."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()

    def __torch_dispatch__(self, op, types, args=(), kwargs=None):
        name = op.name().removeprefix("aten::").split(".")[0]
        if name in WAITS:
            self.counts[name] += 1
        return op(*args, **(kwargs or {}))


def write_clip(folder: Path, size_hw: tuple[int, int], count: int, objects: int = 1) -> Query:
    """A clip of noise with up to three objects side by side."""
    rng, frames = np.random.default_rng(0), []
    for t in range(count):
        frames.append(folder / f"{t:05d}.jpg")
        Image.fromarray(rng.integers(0, 256, (*size_hw, 3), dtype=np.uint8)).save(frames[-1])
    mask, width = np.zeros(size_hw, np.uint8), size_hw[1] // 3
    for slot in range(objects):
        mask[: size_hw[0] // 2, slot * width : (slot + 1) * width] = slot + 1
    write_id_map(folder / "mask.png", mask)
    masks = PngMasks(folder, ("mask.png", *[None] * (count - 1)))
    return Query.of(Video(folder.name, frames, masks))


def stream(net: VideoSegmenter, query: Query, views: ViewConfig) -> Iterator[Tensor]:
    """Id maps of a clip."""
    prompts = mask_prompts(query, query.prompt, "first")
    for scores in lockstep.score_frames(net, query.video, prompts=prompts, views=views, prefetch=2):
        yield logits_to_id_map(scores.mask_logits, scores.object_ids)


def count(query: Query, views: ViewConfig) -> tuple[int, int]:
    """Resizes and waits of one frame."""
    resizes, plain = Counter(), sam2_features.resize_frame

    def counted(frame: Tensor, side: int) -> Tensor:
        resizes["all"] += 1
        return plain(frame, side)

    with (
        mock.patch.object(sam2_net, "resize_frame", counted),
        mock.patch.object(sam2_features, "resize_frame", counted),
    ):
        frames = stream(Sam2(image_size=256).eval(), query, views)
        next(frames)
        next(frames)
        with Waits() as waits:
            next(frames)
        for _ in frames:
            pass
    return resizes["all"] // len(query.video), waits.counts.total()


def thread_ms(query: Query) -> float:
    """Processor time of this thread per frame, less what runs on the network's device."""
    inside = 0.0

    def on_device(work):
        def timed(*args, **kwargs):
            nonlocal inside
            start = time.thread_time()
            result = work(*args, **kwargs)
            inside += time.thread_time() - start
            return result

        return timed

    net = Sam2(image_size=256).eval()
    prompts = mask_prompts(query, query.prompt, "first")
    with (
        mock.patch.object(Sam2Session, "step_views", on_device(Sam2Session.step_views)),
        mock.patch.object(lockstep, "resize_logits", on_device(lockstep.resize_logits)),
    ):
        start = time.thread_time()
        frames = lockstep.score_frames(
            net, query.video, prompts=prompts, views=ViewConfig(), prefetch=2
        )
        for _ in frames:
            pass
        return (time.thread_time() - start - inside) / len(query.video) * 1e3


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add_save(parser)
    torch.set_num_threads(1)
    run = Run("device_traffic", parser.parse_args(), "torch")
    with tempfile.TemporaryDirectory() as folder:
        small = write_clip(_made(folder, "small"), (96, 128), 4)
        rows = [[number, *count(small, views)] for number, views in VIEWS.items()]
        large = write_clip(_made(folder, "large"), (1080, 1920), 20)
        spent = thread_ms(large)
    tables = {
        "counts": Table(("views", "resizes of a frame", "copies and waits per frame"), rows),
        "thread": Table(
            ("ms of the driving thread", "a frame"), [["1080p, one view", spent]], ("{}", "{:.2f}")
        ),
    }
    for table in tables.values():
        print(markdown(asdict(table)))
    run.save(tables)


def _made(folder: str, name: str) -> Path:
    path = Path(folder) / name
    path.mkdir()
    return path


if __name__ == "__main__":
    main()

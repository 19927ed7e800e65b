"""FVOS's 35 views with those of a scale in one batch, beside a session for each view.

    python -m benchmarks.views_together

Nano at 256 px with random weights, one thread. Both run over the same frames in turns, frame by
frame, each once as the first of the two; what is compared is the sum over frames after memory has
begun. Calls and operations are those of one frame. Operations are those that make or change a
tensor, as they are sent to a device: about what a GPU would be started for.
"""

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from benchmarks.device_traffic import FVOS, stream, write_clip
from benchmarks.results import Run, Table, add_save
from benchmarks.tables import markdown
from pvuw.io.queries import Query
from pvuw.nets.base import SeparateViews, ViewsSession
from pvuw.nets.sam2 import Sam2
from pvuw.nets.sam2.features import FrameEncoder
from pvuw.nets.sam2.fusion import MemoryFusion

SIZE_HW = (180, 320)
SKIPPED = 2
"""First frames, which read no memory or make what is kept for the video."""


class Apart(Sam2):
    """A session for each view, as networks have that cannot batch them."""

    def start_views(
        self, num_frames: int | None = None, *, scale: float = 1.0, count: int
    ) -> ViewsSession:
        """Begin with sessions of one view each."""
        alone = partial(super().start_views, num_frames, scale=scale, count=1)
        return SeparateViews([alone() for _ in range(count)])


class Operations(TorchDispatchMode):
    """Counts operations that make or change a tensor, of the thread that enters it alone."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, op, types, args=(), kwargs=None):
        returned = [value.alias_info for value in op._schema.returns]
        self.count += not all(alias is not None and not alias.is_write for alias in returned)
        return op(*args, **(kwargs or {}))


def compare(query: Query) -> tuple[float, float, float]:
    """Processor and wall time together over those apart, and the share of pixels that differ."""
    nets = [Apart(image_size=256).eval(), Sam2(image_size=256).eval()]
    nets[1].load_state_dict(nets[0].state_dict())
    streams, spent = [stream(net, query, FVOS) for net in nets], np.zeros((2, 2))
    differ = 0.0
    for t in range(len(query.video)):
        shown: dict[int, Tensor] = {}
        for which in (0, 1) if t % 2 else (1, 0):
            start = np.array([time.process_time(), time.perf_counter()])
            shown[which] = next(streams[which])
            if t >= SKIPPED:
                spent[which] += [time.process_time(), time.perf_counter()] - start
        differ += (shown[0] != shown[1]).float().mean().item()
    processor, wall = spent[1] / spent[0]
    return processor, wall, differ / len(query.video)


def counts(net: Sam2, query: Query) -> tuple[int, int, int]:
    """Calls of the image encoder, memory steps and operations of one frame."""
    calls: Counter[str] = Counter()

    def counted(name: str, plain: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            calls[name] += 1
            return plain(*args, **kwargs)

        return call

    frames = stream(net.eval(), query, FVOS)
    for _ in range(SKIPPED):
        next(frames)
    with ExitStack() as stack:
        for owner, name in ((FrameEncoder, "encode_views"), (MemoryFusion, "read")):
            patch = partial(mock.patch.object, owner, name)
            stack.enter_context(patch(counted(name, getattr(owner, name))))
        operations = stack.enter_context(Operations())
        next(frames)
    return calls["encode_views"], calls["read"], operations.count


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--frames", type=int, default=6, help="frames that are timed")
    add_save(parser)
    args = parser.parse_args()
    torch.set_num_threads(1)
    run = Run("views_together", args, "torch")
    calls, times = [], []
    with tempfile.TemporaryDirectory() as folder:
        for objects in (1, 3):
            place = Path(folder) / str(objects)
            place.mkdir()
            query = write_clip(place, SIZE_HW, SKIPPED + args.frames, objects)
            for name, net in (("a session a view", Apart), ("together", Sam2)):
                calls.append([f"{name}, objects: {objects}", *counts(net(image_size=256), query)])
                print(calls[-1], flush=True)
            times.append([objects, *compare(query)])
            print(times[-1], flush=True)
    tables = {
        "calls": Table(
            ("35 views", "encoder calls a frame", "memory steps", "operations"),
            calls,
            ("{}", "{}", "{}", "{:,}"),
        ),
        "times": Table(
            ("objects", "processor time, together / apart", "wall time", "pixels that differ"),
            times,
            ("{}", "{:.2f}", "{:.2f}", "{:.4%}"),
        ),
    }
    for table in tables.values():
        print(markdown(asdict(table)))
    run.save(tables)


if __name__ == "__main__":
    main()

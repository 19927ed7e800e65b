"""Time per frame of XMem, Cutie and LiVOS, and of Cutie in PyPI's `rf-cutie`.

`python -m benchmarks.zoo [--frames 12]`. Random weights, drawn frames of 480x854 with two objects,
on the CPU. Cutie and its reference have the same weights and take a frame each in turn. Seconds are
those of processor time, which with one thread is what a quiet machine's clock would say; the ratio
is that of the sums.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from benchmarks.results import Run, Table, add_save
from pvuw.nets.base import VideoSegmenter
from pvuw.nets.cutie import Cutie
from pvuw.nets.livos import LiVOS
from pvuw.nets.xmem import XMem
from pvuw.sample.scene import generate_clip
from pvuw.types import MaskPrompt, Prompt
from tests.helpers import cutie_reference

SIZE_HW = (480, 854)
NUM_OBJECTS = 2
WARM_UP = 2

Step = Callable[[int], object]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=12, help="frames of each run")
    parser.add_argument("--threads", type=int, default=1, help="threads torch may use")
    parser.add_argument("--size", choices=["base", "small"], default="base", help="Cutie's")
    add_save(parser)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    video, prompt, id_map = draw(args.frames)
    run = Run("zoo", args, "torch", "rf-cutie")
    print(f"{args.frames} frames of {SIZE_HW}, {NUM_OBJECTS} objects, {args.threads} thread(s)")
    theirs = cutie_reference.build(args.size)
    ours = Cutie(args.size)
    ours.load_state_dict(theirs.state_dict())
    reference = cutie_reference.Reference(theirs, args.size)

    def reference_step(t: int) -> object:
        last = t == len(video) - 1
        return reference.step(video[t], id_map if t == 0 else None, last=last)

    own, other = in_turn(args.frames, [steps_of(ours, video, prompt), reference_step])
    rows = [report(f"Cutie {args.size}", own), report(f"rf-cutie {args.size}", other)]
    ratio = sum(own[WARM_UP:]) / sum(other[WARM_UP:])
    print(f"{'ratio':<16} {ratio:.2f}")
    for name, net in (("XMem", XMem()), ("LiVOS", LiVOS())):
        (seconds,) = in_turn(args.frames, [steps_of(net, video, prompt)])
        rows.append(report(name, seconds))
    run.save({"frames": frame_table(rows)})


def draw(count: int) -> tuple[Tensor, Prompt, Tensor]:
    """Frames uint8 `[T, 3, H, W]`, their prompt, and the prompt as an id map."""
    clip = generate_clip(3, num_frames=count, size_hw=SIZE_HW)
    video = torch.from_numpy(clip.frames).permute(0, 3, 1, 2).contiguous()
    first = torch.from_numpy(clip.id_maps[0])
    visible = [i for i in clip.object_ids if (first == i).any()][:NUM_OBJECTS]
    shown = torch.where(torch.isin(first, torch.tensor(visible)), first, 0).to(torch.uint8)
    return video, MaskPrompt.from_id_map(shown), shown


def steps_of(net: VideoSegmenter, video: Tensor, prompt: Prompt) -> Step:
    """One video through one of our networks, a frame per call."""
    session = net.eval().start()

    def step(t: int) -> object:
        last = t == len(video) - 1
        return session.step(video[t], prompt if t == 0 else None, last=last)

    return step


def in_turn(count: int, runs: Iterable[Step]) -> list[list[float]]:
    """Processor seconds of each frame of each run, all runs a frame each in turn."""
    steps = list(runs)
    seconds: list[list[float]] = [[] for _ in steps]
    for t in range(count):
        for step, kept in zip(steps, seconds, strict=True):
            begun = time.process_time()
            step(t)
            kept.append(time.process_time() - begun)
    return seconds


def report(name: str, seconds: list[float]) -> list[Any]:
    """Mean and median of the frames after the first ones."""
    counted = seconds[WARM_UP:]
    mean, middle = statistics.mean(counted), statistics.median(counted)
    print(f"{name:<16} {mean:.2f} s per frame (median {middle:.2f})", flush=True)
    return [name, mean, middle]


def frame_table(rows: list[list[Any]]) -> Table:
    """What `report` gave of several."""
    heads = ("network", "processor seconds per frame", "median")
    return Table(heads, rows, ("{}", "{:.2f}", "{:.2f}"))


if __name__ == "__main__":
    main()

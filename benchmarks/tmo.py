"""Time per frame of TMO, plain and with output selection, and of RAFT per pair of frames.

`python -m benchmarks.tmo [--frames 6] [--pairs 2]`. Random weights, drawn frames of 480x854 with
two objects, on the CPU with one thread. Seconds are those of processor time.
"""

import argparse
import tempfile
from pathlib import Path

import torch
from torchvision.models.optical_flow import raft_large, raft_small

from benchmarks.results import Run, add_save
from benchmarks.zoo import WARM_UP, Step, draw, frame_table, in_turn, report, steps_of
from pvuw.nets.flow import FlowConfig, FlowEstimator
from pvuw.nets.tmo import Tmo
from pvuw.ops.flow import flow_to_rgb


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=6, help="frames through TMO")
    parser.add_argument("--pairs", type=int, default=2, help="pairs of frames through RAFT")
    add_save(parser)
    args, rows = parser.parse_args(), []
    torch.set_num_threads(1)
    video, prompt, _ = draw(max(args.frames, args.pairs + 1))
    run = Run("tmo", args, "torch", "torchvision")
    for variant in ("rn101", "mitb1"):
        net = Tmo(variant).eval()
        (seconds,) = in_turn(args.frames, [steps_of(net, video, prompt)])
        rows.append(report(f"TMO {variant}", seconds))
        (seconds,) = in_turn(args.frames, [selecting(net, video)])
        rows.append(report("  selecting", seconds))
    for size in ("large", "small"):
        step = flow_steps(size, video)
        seconds = in_turn(args.pairs, [step])[0]
        rows.append(report(f"RAFT {size}", seconds[-1:] * (WARM_UP + 1)))
    flow = torch.randn(2, *video.shape[-2:])
    (seconds,) = in_turn(6, [lambda t: flow_to_rgb(flow)])
    rows.append(report("colours", seconds))
    run.save({"frames": frame_table(rows)})


def selecting(net: Tmo, video: torch.Tensor) -> Step:
    """Output selection on a frame per call; the frame before stands in for a picture of motion."""

    def step(t: int) -> object:
        with torch.inference_mode():
            frame, motion = video[t][None] / 255, video[t - 1][None] / 255
            return net.vos.select(frame, motion)

    return step


def flow_steps(size: str, video: torch.Tensor) -> Step:
    """Flow from a frame to the next per call."""
    build = raft_large if size == "large" else raft_small
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "raft.pth"
        torch.save(build(weights=None).state_dict(), path)
        estimator = FlowEstimator(FlowConfig(path, "large" if size == "large" else "small"))

    def step(t: int) -> object:
        return estimator.between(video[t], video[t + 1])

    return step


if __name__ == "__main__":
    main()

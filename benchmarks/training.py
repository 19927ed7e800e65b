"""Our SAM 2 training step against upstream's: `python -m benchmarks.training`.

Forward, loss and backward with the same weights and clips (two clips, five objects, mask prompts),
in turn within one process, so that other load on the machine slows both alike. Memory is what a
fresh process adds to its size over two steps, at its peak. Needs `pip install pvuw-vos[reference]`.
"""

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import psutil
import torch

from benchmarks.machine import describe_machine
from benchmarks.prediction import peak_rss
from pvuw.losses import VOSLoss
from pvuw.nets.sam2.clip_forward import forward_clip
from tests.helpers.sam2_training import Case, build, build_trainer, make_batch, reference_step

CASES = (
    Case(num_frames=4),
    Case(num_frames=8),
    Case(num_frames=8, image_size=256),
    Case(num_frames=4, size="tiny", image_size=256),
)


def main() -> None:
    """Measure and print, or be the fresh process of a memory figure."""
    args = parse_arguments()
    torch.set_num_threads(args.threads)
    if args.grow is not None:
        side, index = args.grow
        print(memory_growth(side, CASES[int(index)]))
        return
    print(describe_machine("torch", "sam2"))
    print(f"\n{args.threads} thread(s), {args.clock} time, median of {args.repeats} steps\n")
    print("network  size frames | seconds  upstream  ratio | MiB added  upstream  ratio")
    for index, case in enumerate(CASES):
        ours, theirs = step_seconds(case, args)
        memory = [fresh_memory_growth(side, index) for side in ("ours", "upstream")]
        print(
            f"{case.size:7} {case.image_size:5} {case.num_frames:6} | {ours:7.3f} {theirs:9.3f} "
            f"{ours / theirs:6.2f} | {memory[0]:9.0f} {memory[1]:9.0f} {memory[0] / memory[1]:6.2f}"
        )


def make_step(side: str, case: Case) -> Callable[[], None]:
    """A training step of ours or upstream's, without the optimizer."""
    batch = make_batch(case.num_frames, size=case.image_size)
    if side == "upstream":
        trainer = build_trainer(case)

        def upstream() -> None:
            trainer.zero_grad(set_to_none=True)
            reference_step(trainer, batch)

        return upstream
    model, loss = build(case), VOSLoss()

    def ours() -> None:
        model.zero_grad(set_to_none=True)
        loss(forward_clip(model, batch), batch).total.backward()

    return ours


def step_seconds(case: Case, args: argparse.Namespace) -> list[float]:
    """Median seconds of ours and upstream's step, taken in turn after one of each to warm up."""
    clock = time.process_time if args.clock == "cpu" else time.perf_counter
    steps = [make_step(side, case) for side in ("ours", "upstream")]
    seconds: list[list[float]] = [[], []]
    for repeat in range(args.repeats + 1):
        for step, taken in zip(steps, seconds, strict=True):
            started = clock()
            step()
            if repeat:
                taken.append(clock() - started)
    return [statistics.median(taken) for taken in seconds]


def fresh_memory_growth(side: str, index: int) -> float:
    """MiB that two steps add to a fresh process, at their peak."""
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.training"]
    done = subprocess.run(
        [*command, "--grow", side, str(index)], check=True, capture_output=True, text=True
    )
    return float(done.stdout.split()[-1])


def memory_growth(side: str, case: Case) -> float:
    """The same, of this process."""
    step = make_step(side, case)
    before = psutil.Process().memory_info().rss
    step()
    step()
    return (peak_rss() - before) / 2**20


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5, help="steps per figure")
    parser.add_argument("--threads", type=int, default=1, help="threads of torch")
    parser.add_argument(
        "--clock", choices=("wall", "cpu"), default="wall", help="cpu where others use the machine"
    )
    parser.add_argument("--grow", nargs=2, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()

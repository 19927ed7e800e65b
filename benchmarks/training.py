"""Our SAM 2 training step against upstream's: `python -m benchmarks.training`.

Forward, loss and backward with the same weights and clips, prompted by masks or by a click with
seven corrections, in turn within one process, so that other load on the machine slows all alike:
ours, upstream's, and ours with activation checkpointing, as usual and of the mask decoder too.
Memory is that of tensors at the peak of a step, beyond weights and inputs, and what a fresh process
adds to its size over two steps, which counts the libraries' own buffers too. Needs
`pip install pvuw-vos[reference]`.
"""

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict

import psutil
import torch
from torch.profiler import ProfilerActivity, profile

from benchmarks.prediction import peak_rss
from benchmarks.results import Run, Table, add_save
from benchmarks.tables import markdown
from pvuw.losses import VOSLoss
from pvuw.nets.sam2.clip_forward import ForwardConfig, forward_clip
from pvuw.nets.sam2.recompute import RECOMPUTED_PARTS, WORTHWHILE_PARTS, RecomputedPart
from tests.helpers.sam2_training import (
    ONE_CLICK,
    Case,
    build,
    build_trainer,
    make_batch,
    reference_step,
)

TWO_OBJECTS = (2,)
FIVE_OBJECTS = (2, 3)
"""Objects of each clip."""
CASES = {
    "nano, 4 frames, masks": (Case(), TWO_OBJECTS),
    "nano, 4 frames, clicks": (Case(prompts=ONE_CLICK), TWO_OBJECTS),
    "tiny, 4 frames, masks": (Case(size="tiny", image_size=256), TWO_OBJECTS),
    "tiny, 4 frames, clicks": (
        Case(size="tiny", image_size=256, prompts=ONE_CLICK),
        TWO_OBJECTS,
    ),
    "nano, 8 frames, masks": (Case(num_frames=8, image_size=256), FIVE_OBJECTS),
}
RECOMPUTED: dict[str, tuple[RecomputedPart, ...]] = {
    "ours": (),
    "checkpointed": WORTHWHILE_PARTS,
    "all parts": RECOMPUTED_PARTS,
}
SIDES = ("ours", "upstream", "checkpointed", "all parts")


def main() -> None:
    """Measure and print, or be the fresh process of a memory figure."""
    args = parse_arguments()
    torch.set_num_threads(args.threads)
    if args.grow is not None:
        print(*memory(*args.grow))
        return
    run, rows = Run("training", args, "torch", "sam2"), []
    for name in args.cases or CASES:
        sizes = [fresh_memory(side, name) for side in SIDES]
        tensors, process = ([one[kind] for one in sizes] for kind in (0, 1))
        for what, figures in (
            ("seconds", step_seconds(name, args)),
            ("MiB of tensors at the peak", tensors),
            ("MiB added to the process", process),
        ):
            rows.append(row_of(name, what, figures))
            print(*rows[-1], flush=True)
    heads = ("case", "what", "ours", "upstream", "ratio", "checkpointed", "to ours")
    formats = ("{}", "{}", *["{:.3g}", "{:.3g}", "{:.2f}", "{:.3g}", "{:.2f}", "{:.3g}", "{:.2f}"])
    table = Table((*heads, "all parts", "to ours"), rows, formats)
    print(markdown(asdict(table)))
    run.save({"steps": table})


def row_of(name: str, what: str, figures: list[float]) -> list[str | float]:
    """Figures of all sides and their ratios."""
    case, counts = CASES[name]
    ours, upstream, checkpointed, everything = figures
    return [
        f"{name}, {case.image_size} px, {sum(counts)} objects",
        what,
        *(ours, upstream, ours / upstream),
        *(checkpointed, checkpointed / ours),
        *(everything, everything / ours),
    ]


def make_step(side: str, name: str) -> Callable[[], None]:
    """A training step of one side, without the optimizer."""
    case, counts = CASES[name]
    batch = make_batch(case.num_frames, counts, size=case.image_size)
    if side == "upstream":
        trainer = build_trainer(case)

        def upstream() -> None:
            trainer.zero_grad(set_to_none=True)
            reference_step(trainer, batch)

        return upstream
    model, loss = build(case), VOSLoss()
    config = ForwardConfig(case.plan(), recompute=RECOMPUTED[side])

    def ours() -> None:
        model.zero_grad(set_to_none=True)
        loss(forward_clip(model, batch, config=config), batch).total.backward()

    return ours


def step_seconds(name: str, args: argparse.Namespace) -> list[float]:
    """Median seconds of each side's step, taken in turn after one of each to warm up.

    Every other round goes backwards: a step that follows a smaller one gets its memory from the
    system anew, and no side shall always be that one.
    """
    clock = time.process_time if args.clock == "cpu" else time.perf_counter
    steps = [make_step(side, name) for side in SIDES]
    seconds: list[list[float]] = [[] for _ in SIDES]
    for repeat in range(args.repeats + 1):
        turns = list(zip(steps, seconds, strict=True))
        for step, taken in turns if repeat % 2 else reversed(turns):
            started = clock()
            step()
            if repeat:
                taken.append(clock() - started)
    return [statistics.median(taken) for taken in seconds]


def fresh_memory(side: str, name: str) -> tuple[float, float]:
    """MiB of tensors at a step's peak, and MiB that two steps add to a fresh process."""
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.training"]
    done = subprocess.run(
        [*command, "--grow", side, name], check=True, capture_output=True, text=True
    )
    tensors, process = done.stdout.split()[-2:]
    return float(tensors), float(process)


def memory(side: str, name: str) -> tuple[float, float]:
    """The same, of this process."""
    step = make_step(side, name)
    before = psutil.Process().memory_info().rss
    step()
    step()
    grown = (peak_rss() - before) / 2**20
    return peak_of_tensors(step), grown


def peak_of_tensors(step: Callable[[], None]) -> float:
    """MiB of tensors at the peak of a step, beyond those that were there before it."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as record:
        step()
    held = peak = 0
    for event in record.profiler.kineto_results.events():
        if event.name() == "[memory]":
            held += event.nbytes()
            peak = max(peak, held)
    return peak / 2**20


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=6, help="steps per figure")
    parser.add_argument("--threads", type=int, default=1, help="threads of torch")
    parser.add_argument(
        "--clock", choices=("wall", "cpu"), default="wall", help="cpu where others use the machine"
    )
    add_save(parser)
    parser.add_argument("--cases", nargs="+", choices=CASES, metavar="CASE", help="only these rows")
    parser.add_argument("--grow", nargs=2, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()

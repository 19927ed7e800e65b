"""The GPU day in one command: `python -m benchmarks.gpu --minutes 8`.

Whether CUDA gives what the CPU gives (predicting and one training step, float32 and bf16); time
and peak memory of SAM 2 tiny and base_plus at 1024 px with random weights beside
`SAM2VideoPredictor`, eager and compiled; 35 views; a training step of base_plus; how often the CPU
waits for the card. Each part has a share of the minutes; what would not fit is skipped with a
line. One table and one JSON file at the end.

`--device cpu --toy` runs all of it small, to see that it runs: its figures mean nothing.
Needs `pip install pvuw-vos[dev,reference]`, Python 3.11 and torch 2.9 or later.
"""

import argparse
import datetime
import json
import sys
from pathlib import Path

import torch

from benchmarks.machine import describe_machine

OLDEST_PYTHON, OLDEST_TORCH = (3, 11), (2, 9)
TORCH = tuple(int(part) for part in torch.__version__.split(".")[:2])


def main(argv: list[str] | None = None) -> int:
    """Measure and print; 1 if the device and the CPU are not equal somewhere."""
    args = parse_arguments(argv)
    if problems := missing(args.device):
        print(f"benchmarks.gpu: {'; '.join(problems)}", file=sys.stderr)
        return 2
    # Only now: these need what was asked for just above.
    from benchmarks.gpu import equality, speed
    from benchmarks.gpu.sitting import Part, Settings, as_json, hold, line_of

    settings = Settings(torch.device(args.device), args.toy)
    parts = [
        Part("equal", 0.25, lambda: equality.units(settings)),
        Part("predict", 0.4, lambda: speed.prediction(settings)),
        Part("views", 0.15, lambda: speed.views(settings)),
        Part("train", 0.12, lambda: speed.training(settings)),
        Part("waits", 0.08, lambda: speed.waits(settings)),
    ]
    chosen = [part for part in parts if args.parts is None or part.name in args.parts]
    card = torch.cuda.get_device_name() if settings.on_cuda else "CPU"
    machine = f"{card} · {describe_machine('torch', 'sam2')}"
    print(machine)
    rows = hold(chosen, minutes=args.minutes, say=lambda line: print(line, flush=True))
    print(f"\n{machine}\n" + "\n".join(line_of(row) for row in rows))
    told = {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": machine,
        "device": args.device,
        "toy": args.toy,
        "minutes": args.minutes,
        "rows": as_json(rows),
    }
    args.json.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    print(f"\n{args.json}")
    return 1 if any(row.figures.get("equal") is False for row in rows) else 0


def missing(device: str) -> list[str]:
    """All that this machine lacks, each with what to do."""
    found = []
    if sys.version_info[:2] < OLDEST_PYTHON:
        found.append(f"needs Python {OLDEST_PYTHON[0]}.{OLDEST_PYTHON[1]} or later")
    if TORCH < OLDEST_TORCH:
        found.append(f"needs torch {OLDEST_TORCH[0]}.{OLDEST_TORCH[1]}, got {torch.__version__}")
    if device == "cuda" and not torch.cuda.is_available():
        found.append("no CUDA card that torch can use; --device cpu --toy tries the script itself")
    return found


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--minutes", type=float, default=8.0, help="for all of it (default: 8)")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--toy", action="store_true", help="small enough for a test on the CPU")
    parser.add_argument("--parts", nargs="+", metavar="PART", help="only these")
    parser.add_argument("--json", type=Path, default=Path("gpu.json"), help="default: gpu.json")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())

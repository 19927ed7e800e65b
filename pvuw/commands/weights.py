"""`pvuw weights`: what is in a checkpoint, and a checkpoint as official weights."""

import argparse
from pathlib import Path

_DESCRIPTION = """\
Reads official weights of SAM 2 and 2.1 and checkpoints of training runs. A file is never trusted
with running code, and nothing is loaded that does not fit.
"""
_EPILOG = """\
examples:
  pvuw weights inspect runs/nano/checkpoints/last.ckpt
  pvuw weights export --ckpt runs/tiny/checkpoints/last.ckpt --out tiny_mose.pt

Exported files load in the sam2 package and, as `--model.net.weights FILE.pt`, here.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.description, parser.epilog = _DESCRIPTION, _EPILOG
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    inspect = actions.add_parser("inspect", help="say what a file holds")
    inspect.add_argument("file", type=Path, metavar="FILE", help="weights or checkpoint")
    export = actions.add_parser("export", help="write a checkpoint as official weights")
    export.add_argument(
        "--ckpt", type=Path, required=True, metavar="FILE", help="checkpoint of a training run"
    )
    export.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="file to write, .pt by custom"
    )


def run(args: argparse.Namespace) -> int:
    """Do what was asked; the exit status."""
    # Imported here: torch takes seconds, and --help must not wait for it.
    from pvuw.weights import export_official, summarize

    path: Path = args.file if args.action == "inspect" else args.ckpt
    summary = summarize(path)
    print(f"{path}: {summary.layout}")
    print(f"  network  {summary.network}")
    size = f"{summary.num_values:,} numbers in {summary.num_tensors} tensors"
    print(f"  weights  {size}, {', '.join(summary.dtypes)}")
    if args.action == "export":
        export_official(path, args.out)
        print(f"wrote {args.out}")
    return 0

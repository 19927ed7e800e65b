"""`pvuw weights`: what a checkpoint is, official weights from one, published ones from the web."""

import argparse
from pathlib import Path

from tqdm import tqdm

from pvuw.commands.published import PUBLISHED, Published, find_published
from pvuw.errors import PvuwError, WeightsError
from pvuw.io.download import download

_DESCRIPTION = """\
Reads official weights of SAM 2, 2.1 and 3, XMem, Cutie, LiVOS, TMO and RAFT, and checkpoints of
training runs. A file is never trusted with running code, and nothing is loaded that does not fit.
"""
_EPILOG = """\
examples:
  pvuw weights inspect runs/nano/checkpoints/last.ckpt
  pvuw weights export --ckpt runs/tiny/checkpoints/last.ckpt --out tiny_mose.pt
  pvuw weights fetch cutie_base_mega --out weights

Exported files load in the networks' own code and, as `--model.net.weights FILE.pt`, here.
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
    fetch = actions.add_parser(
        "fetch", help="download published weights, or say where they are and under which licence"
    )
    fetch.add_argument("name", metavar="NAME", help=f"one of {', '.join(PUBLISHED)}")
    fetch.add_argument(
        "--out", type=Path, default=Path("weights"), metavar="FOLDER", help="default: weights"
    )


def run(args: argparse.Namespace) -> int:
    """Do what was asked; the exit status."""
    if args.action == "fetch":
        _fetch(find_published(args.name), args.out)
        return 0
    # Imported here: torch takes seconds, and --help must not wait for it.
    from pvuw.weights import export_official

    _describe(args.file if args.action == "inspect" else args.ckpt)
    if args.action == "export":
        export_official(args.ckpt, args.out)
        print(f"wrote {args.out}")
    return 0


def _describe(path: Path) -> None:
    from pvuw.weights import summarize

    summary = summarize(path)
    print(f"{path}: {summary.layout}")
    print(f"  network  {summary.network}")
    size = f"{summary.num_values:,} numbers in {summary.num_tensors} tensors"
    print(f"  weights  {size}, {', '.join(summary.dtypes)}")


def _fetch(entry: Published, folder: Path) -> None:
    """Download one file, check it, and say what it is.

    Raises:
        PvuwError: If it has to be fetched by hand, is there already, or cannot be had.
        WeightsError: If what came is not the network asked for; it is deleted then.
    """
    path = folder / entry.file
    if entry.by_hand:
        raise PvuwError(
            f"{entry.file} has to be fetched by hand ({entry.by_hand}): {entry.address} "
            f"(licence: {entry.licence}); save it as {path}"
        )
    if path.exists():
        raise PvuwError(f"{path} is there already; delete it to download it again")
    print(f"{entry.address} (licence: {entry.licence})")
    _download(entry, path)

    from pvuw.weights import summarize

    found = summarize(path).network
    if found != entry.network:
        path.unlink()
        raise WeightsError(
            f"{entry.address}: holds {found} and not {entry.network}; report it, the address or "
            "the file has changed"
        )
    _describe(path)
    checked = "none is published" if entry.checksum is None else f"{entry.checksum.algorithm} fits"
    print(f"  checksum {checked}")


def _download(entry: Published, path: Path) -> None:
    with tqdm(desc=entry.file, unit="B", unit_scale=True, disable=None) as bar:

        def show(done: int, total: int | None) -> None:
            bar.total = total
            bar.update(done - bar.n)

        download(entry.address, path, checksum=entry.checksum, progress=show)

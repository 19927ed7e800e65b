"""`pvuw demo`: the whole product in a few minutes on generated video."""

import argparse
import os
import shlex
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pvuw.metrics.report import Summary

_OVERLAY = ("--config", "overlays/demo.yaml")
_RECIPE = ("--config", "mose/sam2_nano.yaml", *_OVERLAY)
_BASELINE = ("--config", "mose/copy_first.yaml", *_OVERLAY)
_SAMPLE = ("--size", "180", "320", "--frames", "24", "--videos", "60", "--valid", "6")
# The weights that ship know colour: what they do not know is what fine-tuning is for.
_LENS = ("--lens", "thermal")
_COLUMNS = 6


class Contender(NamedTuple):
    """One row of the demo's table and of its pictures."""

    name: str
    folder: Path
    """Run folder; its predictions are in `Annotations`."""

    @property
    def masks(self) -> Path:
        """Folder of predicted videos."""
        return self.folder / "Annotations"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.description = (
        "Generates MOSE-like videos as a thermal camera sees them, fine-tunes the small SAM 2\n"
        "that ships (trained on colour) on them, predicts before, after and with the baseline\n"
        "that copies the first mask, scores all three and draws them.\n"
        "Takes under 8 minutes on two cores; every step prints the command that does the same."
    )
    parser.epilog = "example:\n  pvuw demo --out demo"
    parser.add_argument(
        "--out", type=Path, default=Path("demo"), help="folder for everything (default: demo)"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the videos (default: 0)")


def run(args: argparse.Namespace) -> int:
    """Run the demo; 0 if fine-tuning beat both other rows, else 1."""
    # Nano's tensors are too small for two threads to gain anything, and with the loader's process
    # on the second core they wait for each other. Set before torch is imported.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    started = time.monotonic()
    out: Path = args.out
    data = out / "data"
    copied = Contender("copy the first mask", out / "copy_first")
    before = Contender("before fine-tuning", out / "before")
    after = Contender("after fine-tuning", out / "after")
    for contender in (copied, before, after):
        shutil.rmtree(contender.folder, ignore_errors=True)  # the result of an earlier demo
    _pvuw("sample", data, *_SAMPLE, *_LENS, "--seed", args.seed)
    root = ("--data.root", data)
    _pvuw("predict", *_BASELINE, *root, "--out", copied.folder)
    _pvuw("predict", *_RECIPE, *root, "--out", before.folder)
    _pvuw("fit", *_RECIPE, *root, "--out", after.folder)
    _pvuw("predict", *_RECIPE, *root, "--out", after.folder, "--ckpt_path", "best")
    contenders = [copied, before, after]
    scores = [_score(data / "valid" / "GroundTruth", contender.masks) for contender in contenders]
    pictures = _draw_videos(data / "valid", contenders, out / "pictures")
    print("\n" + _table(contenders, scores))
    print(f"\n{pictures} pictures in {out / 'pictures'}, masks in {out}/*/Annotations")
    print(f"the demo took {(time.monotonic() - started) / 60:.1f} minutes")
    return 0 if scores[2].jf > max(scores[0].jf, scores[1].jf) else 1


def _pvuw(*words: object) -> None:
    """Run another command in this process, after showing it; stop the demo if it fails."""
    from pvuw.cli import dispatch

    argv = [str(word) for word in words]
    print(f"\n$ pvuw {shlex.join(argv)}", flush=True)
    status = dispatch(argv)
    if status:
        raise SystemExit(status)


def _score(truth: Path, masks: Path) -> "Summary":
    from pvuw.metrics.pairs import pair_trees
    from pvuw.metrics.report import object_rows, summarise
    from pvuw.metrics.scoring import score_pairs

    pairs = pair_trees(truth, masks, "mose").pairs
    reports = score_pairs(pairs, "mose", workers=2)
    results = [(r.query_id, r.result) for r in reports if r.result is not None]
    return summarise([row for name, result in results for row in object_rows(name, result)])


def _table(contenders: Sequence[Contender], scores: Sequence["Summary"]) -> str:
    width = max(len(contender.name) for contender in contenders)
    lines = [f"{'':{width}}      J      F    J&F"]
    lines += [
        f"{contender.name:{width}}  {score.j:.3f}  {score.f:.3f}  {score.jf:.3f}"
        for contender, score in zip(contenders, scores, strict=True)
    ]
    return "\n".join(lines)


def _draw_videos(valid: Path, contenders: Sequence[Contender], folder: Path) -> int:
    """One contact sheet per video: truth and every contender on evenly spread frames."""
    import numpy as np

    from pvuw.draw import contact_sheet, overlay, save_picture
    from pvuw.io.masks import read_id_map
    from pvuw.io.pictures import read_picture

    rows = [("ground truth", valid / "GroundTruth"), *((c.name, c.masks) for c in contenders)]
    videos = sorted(path.name for path in (valid / "GroundTruth").iterdir())
    for video in videos:
        frames = sorted((valid / "JPEGImages" / video).iterdir())
        picks = [frames[i] for i in np.linspace(0, len(frames) - 1, _COLUMNS).round().astype(int)]
        images = [np.asarray(read_picture(path)) for path in picks]
        drawn = [
            (label, [overlay(image, read_id_map(masks / video / f"{path.stem}.png"))
                     for image, path in zip(images, picks, strict=True)])
            for label, masks in rows
        ]  # fmt: skip
        save_picture(folder / f"{video}.png", contact_sheet(drawn))
    return len(videos)

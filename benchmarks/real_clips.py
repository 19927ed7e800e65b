"""Fine-tunes nano on real pixels, predicts them and scores, all through the command line.

    python -m benchmarks.real_clips CLIPS --out runs/real

CLIPS holds one folder per data set in the layout `JPEGImages/<video>` and `Annotations/<video>`
(DAVIS's `480p` level is found). It shows that the chain works on real pixels; trained and scored on
the same clips, the figure says nothing about other videos.
"""

import argparse
import shlex
from pathlib import Path

import yaml

from benchmarks.machine import describe_machine
from pvuw.cli import main as pvuw
from pvuw.io.listing import VideoFolder, list_videos
from pvuw.io.videos import Video

RECIPE = ["--config", "mose/sam2_nano.yaml"]


def find_folders(clips: Path) -> dict[str, dict[str, str]]:
    """Image and annotation folders of every data set under `clips`, by its name."""
    folders = {}
    for images in sorted(clips.glob("*/JPEGImages")):
        level = "480p" if (images / "480p").is_dir() else ""
        annotations = images.parent / "Annotations" / level
        name = images.parent.name
        folders[name] = {"images": str(images / level), "annotations": str(annotations)}
    if not folders:
        raise SystemExit(f"{clips}: no <data set>/JPEGImages inside")
    return folders


def scorable(folder: dict[str, str]) -> list[Video]:
    """Videos of one of `find_folders`' places that have truth for every frame, three at least."""
    truth = Path(folder["annotations"])
    videos = list_videos(VideoFolder(Path(folder["images"]), truth, truth))
    return [v for v in videos if len(v) >= 3 and len(v.truth) == len(v)]


def write_overlay(folders: list[dict[str, str]], path: Path, *, steps: int) -> None:
    """A configuration that trains on the folders, and scores and predicts the same videos."""
    scored = [folder | {"truth": folder["annotations"]} for folder in folders]
    overlay = {
        "data": {
            "class_path": "MOSEDataModule",
            "init_args": {"train": folders, "val": scored, "predict": folders,
                          "clip": {"clips_per_epoch": 100}, "num_workers": 1},
        },
        "trainer": {"max_steps": steps, "max_epochs": -1, "accelerator": "cpu", "devices": 1,
                    "check_val_every_n_epoch": 1000, "limit_val_batches": 0},
    }  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(overlay))


def run(*words: object) -> None:
    """Show and run a command; stop if it fails."""
    argv = [str(word) for word in words]
    print(f"$ pvuw {shlex.join(argv)}", flush=True)
    if status := pvuw(argv):
        raise SystemExit(status)


def loss_curve(out: Path) -> list[float]:
    """Logged training losses of the newest run in a folder."""
    newest = max((out / "logs").rglob("metrics.csv"), key=lambda path: path.stat().st_mtime)
    header, *rows = (line.split(",") for line in newest.read_text().splitlines())
    column = header.index("train/loss")
    return [float(row[column]) for row in rows if row[column]]


def main() -> None:
    """Run the chain and print what fell and what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clips", type=Path, help="folder of data sets")
    parser.add_argument("--out", type=Path, default=Path("runs/real_clips"))
    parser.add_argument("--steps", type=int, default=300, help="optimizer steps (default: 300)")
    args = parser.parse_args()
    print(describe_machine("torch", "sam2"))
    folders = find_folders(args.clips)
    overlay = args.out / "real_clips.yaml"
    write_overlay(list(folders.values()), overlay, steps=args.steps)
    recipe = [*RECIPE, "--config", overlay, "--out", args.out]
    run("fit", *recipe)
    run("predict", *recipe, "--ckpt_path", "last")
    losses = loss_curve(args.out)
    tenth = max(1, len(losses) // 10)
    first, last = sum(losses[:tenth]) / tenth, sum(losses[-tenth:]) / tenth
    print(f"mean loss of the first and the last tenth: {first:.2f} -> {last:.2f}")
    for name, folder in folders.items():
        shown = args.out / "scored" / name
        link_predictions(args.out / "Annotations", Path(folder["annotations"]), shown)
        run("evaluate", "--gt", folder["annotations"], "--pred", shown, "--protocol", "mose")


def link_predictions(masks: Path, truth: Path, folder: Path) -> None:
    """Collect the predictions of one data set, since `evaluate` compares whole folders."""
    folder.mkdir(parents=True, exist_ok=True)
    for video in truth.iterdir():
        link = folder / video.name
        link.unlink(missing_ok=True)
        link.symlink_to((masks / video.name).resolve())


if __name__ == "__main__":
    main()

"""STSeg's five networks, published sizes, real clips: killed half-way, continued, one answer.

    python -m benchmarks.pgmr_real_clips CLIPS --out runs/pgmr_real [--weights NAME=FILE ...]

CLIPS holds one folder per data set in the layout `JPEGImages/<video>` and `Annotations/<video>`. A
member without `--weights` gets random ones in its published layout: seconds are those of the real
networks then, masks mean nothing. The command is killed (SIGKILL) once two members are done and
the third has begun, and started again; no file of a finished member may change.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import torch
import yaml
from torchvision.models.optical_flow import raft_large

from benchmarks.machine import describe_machine
from benchmarks.real_clips import find_folders, scorable
from pvuw.nets.cutie import Cutie
from pvuw.nets.livos import LiVOS
from pvuw.nets.livos.weights import published_name
from pvuw.nets.sam2 import Sam2
from pvuw.nets.tmo import Tmo
from pvuw.nets.xmem import XMem
from pvuw.recipes import find_config

NETWORKS = {
    "sam2": lambda: Sam2("base_plus").model,
    "cutie": lambda: Cutie(),
    "livos": lambda: LiVOS(),
    "xmem": lambda: XMem(),
    "tmo": lambda: Tmo("rn101"),
}
RAFT = "--model.net.flow.weights"


def main() -> None:
    """Run it and print seconds per member and frame."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clips", type=Path, help="folder of data sets")
    parser.add_argument("--out", type=Path, default=Path("runs/pgmr_real"))
    parser.add_argument("--videos", type=int, default=5, help="of the clips (default: 5)")
    parser.add_argument("--frames", type=int, default=8, help="of each video (default: 8)")
    parser.add_argument("--weights", nargs="+", default=[], metavar="NAME=FILE")
    args = parser.parse_args()
    print(describe_machine("torch"))
    shutil.rmtree(args.out, ignore_errors=True)
    copy_clips(args.clips, args.out, args.videos, args.frames)
    command = make_command(args.out, dict(word.split("=", 1) for word in args.weights))
    run = args.out / "run"
    seconds = kill_in_the_middle(command, run, args.videos)
    members = finished_members(run, args.videos)
    print(f"killed after {seconds:.0f} s; done: {', '.join(m.name for m in members)}", flush=True)
    before = files_of(members)
    start = time.perf_counter()
    done = subprocess.run(command, check=False)
    print(f"second run: {time.perf_counter() - start:.0f} s, exit status {done.returncode}")
    changed = [str(path) for path, when in before.items() if path.stat().st_mtime_ns != when]
    print(f"{len(before)} files of finished members, {len(changed)} changed: {changed[:3]}")
    for member in sorted((run / "members").iterdir()):
        span = seconds_of(member)
        print(f"{member.name:24} {span / args.frames:6.2f} s a frame after the first video")
    for path in sorted((run / "agreement").glob("*.jsonl")):
        head = json.loads(path.read_text().partition("\n")[0])
        print(f"{path.stem}: {head['selection'][0]['reason']}")


def copy_clips(clips: Path, out: Path, num_videos: int, num_frames: int) -> None:
    """Copy the first frames, their truth and the first mask of some videos."""
    videos = [v for place in find_folders(clips).values() for v in scorable(place)]
    for video in videos[:num_videos]:
        frames, masks, truth = (out / top / video.video_id for top in ("images", "masks", "truth"))
        for folder in (frames, masks, truth):
            folder.mkdir(parents=True)
        for position, path in enumerate(video.frame_paths[:num_frames]):
            shutil.copy(path, frames / path.name)
            shutil.copy(video.truth.place(position), truth)
        shutil.copy(video.truth.place(0), masks)


def make_command(out: Path, given: dict[str, str]) -> list[str]:
    """The command line of a recipe that differs from STSeg's in its weights only."""
    recipe = yaml.safe_load(Path(find_config("stseg/pgmr.yaml")).read_text())
    for name, member in recipe["members"].items():
        member["weights"] = given.get(name) or str(random_weights(name, out / f"{name}.pth"))
        member["args"] = [*member.get("args", []), "--trainer.accelerator", "cpu"]
        if RAFT in member["args"]:
            raft = out / "raft.pth"
            torch.save(raft_large(weights=None).state_dict(), raft)
            member["args"][member["args"].index(RAFT) + 1] = str(raft)
    path = out / "pgmr.yaml"
    path.write_text(yaml.safe_dump(recipe, sort_keys=False))
    words = ["--config", path, "--images", out / "images", "--masks", out / "masks"]
    return [sys.executable, "-m", "pvuw", "ensemble", *map(str, words), "--out", str(out / "run")]


def random_weights(name: str, path: Path) -> Path:
    """Write a member's network as it is made, in its published layout."""
    torch.manual_seed(0)
    weights = NETWORKS[name]().state_dict()
    if name == "livos":
        weights = {published_name(key): value for key, value in weights.items()}
    torch.save({"model": weights} if name == "sam2" else weights, path)
    return path


def kill_in_the_middle(command: list[str], run: Path, num_videos: int) -> float:
    """Start the command, kill it when two members are done and one more began; its seconds."""
    start = time.perf_counter()
    process = subprocess.Popen(command, start_new_session=True)
    while (
        len(finished_members(run, num_videos)) < 2 or len(list(run.glob("members/*/log.txt"))) < 3
    ):
        if process.poll() is not None:
            raise SystemExit(f"ended by itself with {process.returncode} before the third member")
        time.sleep(0.2)
    time.sleep(2)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    return time.perf_counter() - start


def finished_members(run: Path, num_videos: int) -> list[Path]:
    """Folders of the members that have all videos."""
    members = run.glob("members/*")
    return [m for m in members if len(list(m.glob("Probabilities/*.zip"))) == num_videos]


def files_of(members: list[Path]) -> dict[Path, int]:
    """When each mask and probability file of some members was written."""
    files = [p for member in members for p in member.glob("[AP]*/**/*") if p.is_file()]
    return {path: path.stat().st_mtime_ns for path in files}


def seconds_of(member: Path) -> float:
    """Mean seconds between the ends of two videos of a member."""
    ends = sorted(path.stat().st_mtime for path in (member / "Probabilities").glob("*.zip"))
    return (ends[-1] - ends[0]) / max(1, len(ends) - 1)


if __name__ == "__main__":
    main()

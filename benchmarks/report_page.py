"""Size, memory and speed of `pvuw report`, and how a browser takes the page.

    python -m benchmarks.report_page                        # generated videos
    python -m benchmarks.report_page --images DIR --pred DIR --gt DIR --videos 5 20 --members 5

With `--members`, so many copies of the truth are spoilt as in `benchmarks.pgmr_study` and shown as
members of an ensemble.
The folders' videos are repeated under other names up to each number asked for. For the browser
the last page's videos are repeated once more, up to `--page-videos`, which saves building them.
Its part needs playwright and an installed Chromium.
"""

import argparse
import multiprocessing
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.machine import describe_machine
from benchmarks.pgmr_damage import MEMBERS, spoil
from pvuw.io.masks import read_id_map, write_id_map

_OPENED = "#viewer[data-drawn]"


@dataclass
class Folders:
    """What a report is made of."""

    images: Path
    pred: Path
    gt: Path
    members: tuple[Path, ...] = ()


def main() -> int:
    """Measure and print."""
    args = parse_arguments()
    print(describe_machine("pillow", "numpy"))
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        given = Folders(args.images, args.pred, args.gt) if args.images else generate(root / "data")
        if args.members:
            given.members = spoilt_copies(given, root / "members")[: args.members]
        for count in args.videos:
            folders = repeat(given, root / f"videos-{count}", count)
            page = root / f"{count}.html"
            measure_build(folders, page, workers=args.workers)
        measure_browser(page)
        measure_browser(lengthen(page, times=-(-args.page_videos // args.videos[-1])))
    return 0


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    for option in ("images", "pred", "gt"):
        parser.add_argument(f"--{option}", type=Path, help="default: generated")
    parser.add_argument("--videos", type=int, nargs="+", default=[5, 20])
    parser.add_argument("--page-videos", type=int, default=300)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--members", type=int, default=0, choices=range(len(MEMBERS) + 1))
    args = parser.parse_args()
    if (args.images is None, args.pred is None) != (args.gt is None,) * 2:
        parser.error("--images, --pred and --gt come together")
    return args


def generate(root: Path) -> Folders:
    """Four generated videos; their truth stands for the prediction too."""
    command = [sys.executable, "-m", "pvuw", "sample", str(root), "--videos", "1", "--frames", "40"]
    subprocess.run(command, check=True, capture_output=True)
    valid = root / "valid"
    return Folders(valid / "JPEGImages", valid / "GroundTruth", valid / "GroundTruth")


def spoilt_copies(given: Folders, root: Path) -> tuple[Path, ...]:
    """Return one folder of masks for each kind of member, all videos in each."""
    # In a process of its own: the peak of a child is never below what its parent had at the fork.
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        pool.submit(spoil_videos, given, root).result()
    return tuple(root / member for member in MEMBERS)


def spoil_videos(given: Folders, root: Path) -> None:
    """Write what each kind of member makes of the truth."""
    rng = np.random.default_rng(0)
    for video in sorted(given.gt.iterdir()):
        paths = sorted(video.glob("*.png"))
        truth = np.stack([read_id_map(path) for path in paths])
        frames = [given.images / video.name / f"{path.stem}.jpg" for path in paths]
        pictures = np.stack([np.asarray(Image.open(path).convert("RGB")) for path in frames])
        for member, maps in spoil(truth, pictures, rng, shared=0.2).items():
            for path, id_map in zip(paths, maps, strict=True):
                write_id_map(root / member / video.name / path.name, np.ascontiguousarray(id_map))


def repeat(given: Folders, root: Path, count: int) -> Folders:
    """Links to the given videos under `count` names."""
    names = sorted(folder.name for folder in given.images.iterdir())
    copies: dict[Path, Path] = {}
    for folder in (given.images, given.pred, given.gt, *given.members):
        if folder in copies:
            continue
        copies[folder] = root / f"{len(copies)}"
        copies[folder].mkdir(parents=True)
        for number in range(count):
            source = folder.resolve() / names[number % len(names)]
            (copies[folder] / f"{number:04d}-{source.name}").symlink_to(source)
    members = tuple(copies[folder] for folder in given.members)
    return Folders(copies[given.images], copies[given.pred], copies[given.gt], members)


def measure_build(folders: Folders, page: Path, *, workers: int) -> None:
    """Print time and peak memory of the command, and size of its page."""
    command = [sys.executable, "-m", "pvuw", "report", "--images", folders.images]
    command += ["--pred", folders.pred, "--gt", folders.gt, "--out", page, "--workers", workers]
    if folders.members:
        named = zip(MEMBERS, folders.members, strict=False)
        command += ["--members", *(f"{name}={folder}" for name, folder in named)]
    started = time.perf_counter()
    with subprocess.Popen([*map(str, command)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    wall, cpu = time.perf_counter() - started, usage.ru_utime + usage.ru_stime
    if process.returncode:
        sys.exit(f"pvuw report failed: {process.returncode}")
    print(said.splitlines()[-1].partition(": ")[2])
    peak = usage.ru_maxrss / 1024
    print(f"  built in {wall:.0f} s ({cpu:.0f} s of CPU, {workers} process), peak {peak:.0f} MB")


def lengthen(page: Path, *, times: int) -> Path:
    """Write a page that holds every video of another one several times, under other names."""
    text = page.read_text(encoding="utf-8")
    blocks = re.findall(r'<script type="application/json" id="video=.*?</script>\n', text)
    head, tail = text[: text.index(blocks[0])], text.rpartition(blocks[-1])[2]
    tables = re.split(r"(?<=<tbody>)(.*?)(?=</tbody>)", head)
    with (page.parent / "long.html").open("w", encoding="utf-8") as long:
        # Odd parts are the rows of a table.
        for part, content in enumerate(tables):
            for copy in range(times if part % 2 else 1):
                long.write(content.replace("video=", f"video={copy}-") if part % 2 else content)
        for copy in range(times):
            long.writelines(block.replace("video=", f"video={copy}-", 1) for block in blocks)
        long.write(tail)
    return page.parent / "long.html"


def measure_browser(page: Path) -> None:
    """Print how long a browser takes to show the overview and a video, and its memory."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as api:
        browser = api.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        tab = browser.new_page()
        started = time.perf_counter()
        tab.goto(page.as_uri())
        loaded = time.perf_counter()
        tab.click("#videos-table a >> nth=0")
        tab.wait_for_selector(_OPENED)
        opened = time.perf_counter()
        heap = tab.evaluate("performance.memory.usedJSHeapSize") / 1e6
        count = tab.locator("#videos-table tbody tr").count()
        size = page.stat().st_size / 1e6
        print(f"page of {count} videos, {size:.0f} MB, in Chromium {browser.version}:")
        print(
            f"  overview after {loaded - started:.1f} s, first video {opened - loaded:.1f} s "
            f"later, script heap {heap:.0f} MB"
        )
        browser.close()


if __name__ == "__main__":
    sys.exit(main())

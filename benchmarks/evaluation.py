"""Speed of scoring against vos-benchmark, same folders, one process each, reading included.

    python -m benchmarks.evaluation                         # generated videos
    python -m benchmarks.evaluation --gt DIR --pred DIR     # your own

Needs `pip install --no-deps vos-benchmark` and `pip install scikit-image`.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import asdict
from importlib.util import find_spec
from io import StringIO
from pathlib import Path

# One thread each, before NumPy and OpenCV read these.
os.environ.update(OMP_NUM_THREADS="1", OPENCV_FOR_THREADS_NUM="1")

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.results import Run, Table, add_save
from benchmarks.tables import markdown
from pvuw.io.mask_tree import MaskTree
from pvuw.io.masks import write_id_map
from pvuw.metrics.pairs import pair_trees
from pvuw.metrics.report import ObjectRow, object_rows
from pvuw.metrics.scoring import score_pairs

Scores = dict[tuple[str, int], tuple[float, float]]
"""J and F in 0..1 of each object, by video and id."""


def main() -> int:
    """Measure and print; 2 if vos-benchmark is missing."""
    args = parse_arguments()
    for module in ("vos_benchmark", "skimage"):
        if find_spec(module) is None:
            print(f"{module} is missing: {(__doc__ or '').splitlines()[-1]}", file=sys.stderr)
            return 2
    cv2.setNumThreads(1)
    run = Run("evaluation", args, "numpy", "opencv-python-headless", "kornia_rs", "vos-benchmark")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if args.gt is None:
            gt, source = folder / "gt", folder / "pred"
            generate_videos(gt, source)
        else:
            gt, source = MaskTree.find(args.gt).root, MaskTree.find(args.pred).root
        # vos-benchmark writes its results into the folder of predictions.
        pred = shutil.copytree(source, folder / "copy", copy_function=shutil.copyfile)
        pred.chmod(0o755)
        rows = score_ours(gt, pred)  # the files are in the page cache from here on
        times = best_times(gt, pred, repeats=args.repeats)
        reference = score_vos_benchmark(gt, pred)
    source = "generated" if args.gt is None else str(args.gt.name)
    table = report(rows, reference, times, source=source)
    print(markdown(asdict(table)))
    run.save({"speed": table})
    return 0


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--gt", type=Path, help="true masks (default: generated)")
    parser.add_argument("--pred", type=Path, help="predicted masks")
    parser.add_argument("--repeats", type=int, default=3, help="the best of so many runs counts")
    add_save(parser)
    args = parser.parse_args()
    if (args.gt is None) != (args.pred is None):
        parser.error("--gt and --pred come together")
    return args


def score_ours(gt: Path, pred: Path) -> list[ObjectRow]:
    """Score with `pvuw evaluate`'s own functions, in this process."""
    found = pair_trees(gt, pred, "davis2017")
    reports = list(score_pairs(found.pairs, "davis2017", workers=1))
    if problems := found.problems + [line for report in reports for line in report.problems]:
        sys.exit("\n".join(problems))
    return [
        row
        for report in reports
        if report.result is not None
        for row in object_rows(report.query_id, report.result)
    ]


def score_vos_benchmark(gt: Path, pred: Path) -> Scores:
    """Score with vos-benchmark, which forks its one process."""
    from vos_benchmark.benchmark import benchmark  # type: ignore[import-untyped]

    with redirect_stdout(StringIO()):
        *_, (videos,) = benchmark([str(gt)], [str(pred)], num_processes=1, verbose=False)
    return {
        (video, object_id): (j[object_id] / 100, f[object_id] / 100)
        for video, (j, f) in videos.items()
        for object_id in j
    }


def best_times(gt: Path, pred: Path, *, repeats: int) -> tuple[float, float]:
    """Seconds of ours and of vos-benchmark, taking turns so that other load hits both."""
    ours, theirs = [], []
    for _ in range(repeats):
        ours.append(seconds(score_ours, gt, pred))
        theirs.append(seconds(score_vos_benchmark, gt, pred))
    return min(ours), min(theirs)


def seconds(score: Callable[[Path, Path], object], gt: Path, pred: Path) -> float:
    """Wall time of one run."""
    started = time.perf_counter()
    score(gt, pred)
    return time.perf_counter() - started


def report(
    rows: list[ObjectRow], reference: Scores, times: tuple[float, float], *, source: str
) -> Table:
    """Both speeds, their ratio and how far the values are apart."""
    object_frames = sum(row.num_frames for row in rows)
    ours = {(row.video_id, row.object_id): (row.j, row.f) for row in rows}
    common = ours.keys() & reference.keys()
    difference = max(np.abs(np.subtract(ours[key], reference[key])).max() for key in common)
    print(f"objects that only one of the two scores: {len(ours.keys() ^ reference.keys())}")
    heads = ("masks", "vos-benchmark", "pvuw", "ratio", "largest difference")
    speeds = [object_frames / times[1], object_frames / times[0], times[1] / times[0]]
    row = [f"{source}, {object_frames} object frames", *speeds, float(difference)]
    return Table(heads, [row], ("{}", "{:.0f}", "{:.0f}", "{:.1f}", "{:.1e}"))


def generate_videos(gt: Path, pred: Path) -> None:
    """Four 480p videos of 40 frames with 1, 2, 4 and 8 drifting ellipses; predictions jitter."""
    rng = np.random.default_rng(0)
    for num_objects in (1, 2, 4, 8):
        centre = rng.uniform((100, 100), (380, 754), (num_objects, 2))
        axes = rng.uniform(15, 90, (num_objects, 2))
        drift = rng.uniform(-4, 4, (num_objects, 2))
        for frame in range(40):
            moved = centre + drift * frame
            jitter = rng.normal(0, 3, moved.shape)
            file = Path(f"objects{num_objects}") / f"{frame:05d}.png"
            write_id_map(gt / file, draw_ellipses(moved, axes))
            write_id_map(pred / file, draw_ellipses(moved + jitter, axes * 1.05))


def draw_ellipses(centre: NDArray[np.float64], axes: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Return an id map, uint8 `[480, 854]`, later ellipses in front."""
    id_map = np.zeros((480, 854), dtype=np.uint8)
    for object_id, ((y, x), (b, a)) in enumerate(zip(centre, axes, strict=True), start=1):
        middle, size = (round(x), round(y)), (round(a), round(b))
        cv2.ellipse(
            id_map, middle, size, angle=0, startAngle=0, endAngle=360, color=object_id, thickness=-1
        )
    return id_map


if __name__ == "__main__":
    sys.exit(main())

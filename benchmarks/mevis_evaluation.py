"""Speed of scoring sentences beside the official procedure.

`python -m benchmarks.mevis_evaluation` writes a split in MeViS' layout, with predictions near the
truth, in 1280x720 with 14 expressions a video as MeViS has, and scores it twice, in turns, in this
one process: with the functions of `pvuw evaluate` and with the steps of `tools/eval_mevis.py` of
MeViS. With `--official DIR` J and F are those of the official `metrics.py` in that folder; else a
re-implementation of what it does stands in: per expression all masks are decoded into one array,
boundaries are made by comparing shifted maps, dilated by a disk with OpenCV, and counted. Both read
the same PNGs and run lengths; what is compared is processor time. Needs scikit-image.
"""

import argparse
import importlib.util
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

os.environ.update(OMP_NUM_THREADS="1", OPENCV_FOR_THREADS_NUM="1")

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pycocotools import mask as coco_mask

from benchmarks.machine import describe_machine
from pvuw.commands.evaluate_sentences import pair_sentences
from pvuw.metrics.report import object_rows, summarise
from pvuw.metrics.scoring import score_pairs

SIZE_HW = (720, 1280)
NUM_OBJECTS, NUM_SENTENCES = 4, 14
Scores = tuple[float, float]


def blob(rng: np.random.Generator, centre: NDArray[Any], radius: float) -> NDArray[np.uint8]:
    """A ragged star-shaped mask, uint8 `[H, W]`."""
    angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    reach = radius * rng.uniform(0.7, 1.3, len(angles))
    corners = centre + reach[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    mask = np.zeros(SIZE_HW, dtype=np.uint8)
    cv2.fillPoly(mask, [corners.astype(np.int32)], (1,))
    return mask


def write_all(folder: Path, num_videos: int, num_frames: int) -> tuple[Path, Path]:
    """Write truth and predictions; return their folders."""
    rng = np.random.default_rng(0)
    gt, pred = folder / "valid_u", folder / "pred"
    gt.mkdir()
    videos: dict[str, Any] = {}
    tracks: dict[str, list[Any]] = {}
    for v in range(num_videos):
        first, stems = v * NUM_OBJECTS, [f"{t:05d}" for t in range(num_frames)]
        meant = [
            sorted(rng.choice(NUM_OBJECTS, 1 + int(rng.random() < 0.4), replace=False).tolist())
            for _ in range(NUM_SENTENCES)
        ]
        starts = rng.uniform((150, 150), (1100, 570), (NUM_OBJECTS, 2))
        steps = rng.uniform(-8, 8, (NUM_OBJECTS, 2))
        radii = rng.uniform(30, 160, NUM_OBJECTS)
        for i in range(NUM_OBJECTS):
            tracks[str(first + i)] = []
        for t, stem in enumerate(stems):
            masks = [blob(rng, starts[i] + t * steps[i], radii[i]) for i in range(NUM_OBJECTS)]
            for i, mask in enumerate(masks):
                rle = coco_mask.encode(np.asfortranarray(mask))
                runs = {"size": rle["size"], "counts": rle["counts"].decode()}
                tracks[str(first + i)].append(runs)
            for e, ids in enumerate(meant):
                union = np.bitwise_or.reduce([masks[i] for i in ids])
                answer = np.roll(union, (2, 4), axis=(0, 1))
                path = pred / f"v{v}" / str(e) / f"{stem}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(255 * answer).save(path)
        expressions = {
            str(e): {"exp": "say", "obj_id": ids, "anno_id": [first + i for i in ids]}
            for e, ids in enumerate(meant)
        }
        videos[f"v{v}"] = {"vid_id": v, "frames": stems, "expressions": expressions}
    (gt / "meta_expressions.json").write_text(json.dumps({"videos": videos}))
    (gt / "mask_dict.json").write_text(json.dumps(tracks))
    return gt, pred


def score_ours(gt: Path, pred: Path) -> Scores:
    """Score with `pvuw evaluate`'s own functions."""
    found = pair_sentences(gt, pred, "mevis").found
    reports = list(score_pairs(found.pairs, "mevis", workers=1))
    if problems := found.problems + [line for report in reports for line in report.problems]:
        sys.exit("\n".join(problems))
    results = [(r.query_id, r.result) for r in reports if r.result is not None]
    total = summarise([row for name, result in results for row in object_rows(name, result)])
    return total.j, total.f


def score_official(gt: Path, pred: Path, metrics: Any) -> Scores:
    """Score as `tools/eval_mevis.py` does, in one process."""
    videos = json.loads((gt / "meta_expressions.json").read_text())["videos"]
    tracks = json.loads((gt / "mask_dict.json").read_text())
    scores = []
    for name, video in videos.items():
        for e, expression in video["expressions"].items():
            folder = pred / name / e
            first = cv2.imread(str(folder / "00000.png"), cv2.IMREAD_GRAYSCALE)
            shape = (len(video["frames"]), *first.shape)
            truth, answer = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
            for t, stem in enumerate(video["frames"]):
                for anno in expression["anno_id"]:
                    if tracks[str(anno)][t]:
                        truth[t] += coco_mask.decode(tracks[str(anno)][t])
                answer[t] = cv2.imread(str(folder / f"{stem}.png"), cv2.IMREAD_GRAYSCALE)
            j = metrics.db_eval_iou(truth, answer).mean()
            scores.append((j, metrics.db_eval_boundary(truth, answer).mean()))
    j, f = np.mean(scores, axis=0)
    return float(j), float(f)


class Stand_in:
    """What `metrics.py` of MeViS computes, step by step."""

    @staticmethod
    def db_eval_iou(truth: NDArray[Any], answer: NDArray[Any]) -> NDArray[Any]:
        """J of each frame."""
        a, b, void = truth.astype(bool), answer.astype(bool), np.zeros(truth.shape, bool)
        shared = np.sum((a & b) & np.logical_not(void), axis=(-2, -1))
        union = np.sum((a | b) & np.logical_not(void), axis=(-2, -1))
        with np.errstate(invalid="ignore"):
            return np.where(union == 0, 1.0, shared / union)

    @staticmethod
    def db_eval_boundary(truth: NDArray[Any], answer: NDArray[Any]) -> NDArray[Any]:
        """F of each frame."""
        return np.array([_boundary(a, t) for a, t in zip(answer, truth, strict=True)])


def _boundary(answer: NDArray[Any], truth: NDArray[Any]) -> float:
    from skimage.morphology import disk  # type: ignore[import-untyped]

    radius = np.ceil(0.008 * np.linalg.norm(answer.shape))
    void = np.zeros(answer.shape, bool)
    edges = [_edge(mask * np.logical_not(void)) for mask in (answer, truth)]
    near = [cv2.dilate(e.astype(np.uint8), disk(radius).astype(np.uint8)) for e in edges]
    counts = [np.sum(edge) for edge in edges]
    if not counts[0] or not counts[1]:
        return float(not counts[0] and not counts[1])
    precision = np.sum(edges[0] * near[1]) / counts[0]
    recall = np.sum(edges[1] * near[0]) / counts[1]
    return float(2 * precision * recall / (precision + recall)) if precision + recall else 0.0


def _edge(mask: NDArray[Any]) -> NDArray[np.bool_]:
    inside = mask.astype(bool)
    right, below, both = (np.zeros_like(inside) for _ in range(3))
    right[:, :-1], below[:-1], both[:-1, :-1] = inside[:, 1:], inside[1:], inside[1:, 1:]
    edge = (inside ^ right) | (inside ^ below) | (inside ^ both)
    edge[-1] = inside[-1] ^ right[-1]
    edge[:, -1] = inside[:, -1] ^ below[:, -1]
    edge[-1, -1] = False
    return edge


def official_metrics(folder: Path) -> ModuleType:
    """Load `metrics.py` of a folder."""
    spec = importlib.util.spec_from_file_location("official_metrics", folder / "metrics.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def processor_seconds(score: Callable[[], Scores]) -> tuple[float, Scores]:
    """Processor time of one run, and what it gave."""
    started = time.process_time()
    result = score()
    return time.process_time() - started, result


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--official", type=Path, help="folder with MeViS' metrics.py")
    parser.add_argument("--videos", type=int, default=3)
    parser.add_argument("--frames", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=2, help="the best of so many runs counts")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    metrics = official_metrics(args.official) if args.official else Stand_in
    print(describe_machine("numpy", "opencv-python-headless", "scikit-image", "pycocotools"))
    with tempfile.TemporaryDirectory() as name:
        gt, pred = write_all(Path(name), args.videos, args.frames)
        runs = [
            (
                processor_seconds(lambda: score_ours(gt, pred)),
                processor_seconds(lambda: score_official(gt, pred, metrics)),
            )
            for _ in range(args.repeats)
        ]
    ours, theirs = (min(run[side][0] for run in runs) for side in (0, 1))
    gap = max(abs(a - b) for a, b in zip(runs[0][0][1], runs[0][1][1], strict=True))
    frames = args.videos * NUM_SENTENCES * args.frames
    name = "official metrics.py" if args.official else "re-implementation of the official steps"
    print(
        f"{frames} frames of {SIZE_HW[1]}x{SIZE_HW[0]}, {args.videos * NUM_SENTENCES} expressions"
    )
    print(f"{name}: {theirs:.2f} s, {1000 * theirs / frames:.1f} ms a frame")
    print(f"pvuw: {ours:.2f} s, {1000 * ours / frames:.2f} ms a frame")
    print(f"ratio {theirs / ours:.1f}; J and F differ by at most {gap:.1e}")


if __name__ == "__main__":
    main()

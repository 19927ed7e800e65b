"""Speed of a MOSE+ build: linking, encoding, verifying, and a start with nothing to do.

    python -m benchmarks.mose_plus_build

Videos are drawn by the script: 1280x720 JPEGs with five objects, masks as palette PNGs (MOSE) and,
the same pixels again, as run lengths in one file (YouTube-VIS). Traits and selection, which
`benchmarks.mose_plus_traits` measures, are left out: every video is admitted.
"""

import argparse
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from pycocotools import mask as coco_mask

from benchmarks.machine import describe_machine
from benchmarks.mose_plus_traits import SIZE_HW, timed, write_videos
from pvuw.io.masks import read_id_map
from pvuw.io.records import VideoRecord
from pvuw.mose_plus.build.build import build_videos
from pvuw.mose_plus.build.build_config import BuildConfig
from pvuw.mose_plus.build.verify import verify_build
from pvuw.mose_plus.config import EvaluationConfig, MosePlusConfig, SourceConfig
from pvuw.mose_plus.select.analysis import key_of
from pvuw.mose_plus.select.choose import Selection
from pvuw.mose_plus.select.decision import Decision
from pvuw.sources import SourceSpec, open_source


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--videos", type=int, default=20)
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    cv2.setNumThreads(1)
    print(describe_machine("numpy", "opencv-python-headless", "pillow", "kornia_rs"))
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        write_videos(root / "mose" / "train", args.videos, args.frames)
        write_youtube_vis(root / "mose" / "train", root / "vis")
        for source in ("mose", "youtube_vis_2019"):
            measure(source, root, args.workers)


def measure(source: str, root: Path, workers: int) -> None:
    """Print what building the videos of one source takes."""
    folder = root / ("mose" if source == "mose" else "vis")
    records = list(open_source(SourceSpec(source, folder)).records())
    total = sum(len(record.annotated) for record in records)
    height, width = SIZE_HW
    print(f"{source}: {len(records)} videos, {total} frames, {width}x{height}, {workers} processes")
    for what, config in (
        ("hard links", BuildConfig()),
        ("symbolic links", BuildConfig(frames="symlink")),
        ("encoded at 480", BuildConfig(frames="encode", short_side=480)),
    ):
        measure_build(what, records, all_of(source, folder, config), root / "out", workers)


def measure_build(
    what: str, records: list[VideoRecord], config: MosePlusConfig, out: Path, workers: int
) -> None:
    """Print three rows: a build, the same again, and a verification."""
    shutil.rmtree(out, ignore_errors=True)
    total, selection = sum(len(record.annotated) for record in records), admit(records)
    for step in (what, "  again, nothing to do"):
        show(step, total, *timed(lambda: build(selection, records, config, out, workers)))
    show("  verify", total, *timed(lambda: verify(out, workers)))


def build(
    selection: Selection,
    records: list[VideoRecord],
    config: MosePlusConfig,
    out: Path,
    workers: int,
) -> None:
    """Build, and make sure that all of it was built."""
    entries = build_videos(selection, records, config, out=out, workers=workers)
    assert all(entry.admitted for entry in entries)


def verify(out: Path, workers: int) -> None:
    """Verify, and make sure that nothing is wrong."""
    problems = verify_build(out, workers=workers).problems
    assert not problems, problems


def show(what: str, frames: int, seconds: float, processor: float) -> None:
    """Print one row."""
    print(
        f"  {what:24} {seconds:7.2f} s {frames / seconds:8.0f} frames/s "
        f"{1000 * processor / frames:7.2f} ms of processor per frame"
    )


def all_of(source: str, root: Path, config: BuildConfig) -> MosePlusConfig:
    """Return settings that take every video of one source."""
    entry = SourceConfig(source=source, root=root, reference=True)
    none = EvaluationConfig(mose=("none",), davis=("none",))
    return MosePlusConfig(sources=(entry,), evaluation=none, build=config)


def admit(records: list[VideoRecord]) -> Selection:
    """Return decisions in favour of every video."""
    decisions = [Decision(*key_of(record), True, "benchmark") for record in records]
    return Selection(decisions, [], {}, [])


def write_youtube_vis(mose: Path, root: Path) -> None:
    """Write the videos of a folder in MOSE's layout in YouTube-VIS's."""
    videos: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    height, width = SIZE_HW
    for masks in sorted((mose / "Annotations").iterdir()):
        images = root / "train" / "JPEGImages" / masks.name
        shutil.copytree(mose / "JPEGImages" / masks.name, images)
        names = [f"{masks.name}/{path.name}" for path in sorted(images.iterdir())]
        video = {"id": len(videos) + 1, "file_names": names, "height": height, "width": width}
        videos.append(video | {"length": len(names)})
        id_maps = [read_id_map(path) for path in sorted(masks.iterdir())]
        for object_id in range(1, max(int(id_map.max()) for id_map in id_maps) + 1):
            runs = [encode(id_map == object_id) for id_map in id_maps]
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "video_id": video["id"],
                    "category_id": 1,
                    "segmentations": runs,
                }
            )
    content = {"videos": videos, "annotations": annotations}
    content["categories"] = [{"id": 1, "name": "disc"}]
    (root / "train.json").write_text(json.dumps(content))


def encode(mask: np.ndarray) -> dict[str, Any] | None:
    """Return the runs of a mask, bool `[H, W]`, None if it is empty."""
    if not mask.any():
        return None
    rle = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {"size": rle["size"], "counts": rle["counts"].decode()}


if __name__ == "__main__":
    main()

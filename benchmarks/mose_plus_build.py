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
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from pycocotools import mask as coco_mask

from benchmarks.mose_plus_traits import SIZE_HW, timed, write_videos
from benchmarks.results import Run, Table, add_save
from benchmarks.tables import markdown
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

Row = list[Any]
HEADS = ("step", "frames/s", "ms of processor per frame")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--videos", type=int, default=20)
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--workers", type=int, default=2)
    add_save(parser)
    args = parser.parse_args()
    cv2.setNumThreads(1)
    packages = ("numpy", "opencv-python-headless", "pillow", "kornia_rs")
    run, rows = Run("mose_plus_build", args, *packages), list[Row]()
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        write_videos(root / "mose" / "train", args.videos, args.frames)
        write_youtube_vis(root / "mose" / "train", root / "vis")
        for source in ("mose", "youtube_vis_2019"):
            rows += measure(source, root, args.workers)
    table = Table(HEADS, rows, ("{}", "{:,.0f}", "{:.2f}"))
    print(markdown(asdict(table)))
    run.save({"speed": table})


def measure(source: str, root: Path, workers: int) -> Iterator[Row]:
    """What building the videos of one source takes."""
    folder = root / ("mose" if source == "mose" else "vis")
    records = list(open_source(SourceSpec(source, folder)).records())
    for what, config in (
        ("hard links", BuildConfig()),
        ("symbolic links", BuildConfig(frames="symlink")),
        ("encoded at 480", BuildConfig(frames="encode", short_side=480)),
    ):
        settings = all_of(source, folder, config)
        yield from measure_build(f"{source}: {what}", records, settings, root / "out", workers)


def measure_build(
    what: str, records: list[VideoRecord], config: MosePlusConfig, out: Path, workers: int
) -> Iterator[Row]:
    """Three rows: a build, the same again, and a verification."""
    shutil.rmtree(out, ignore_errors=True)
    total, selection = sum(len(record.annotated) for record in records), admit(records)
    for step in (what, f"{what}, again, nothing to do"):
        yield row_of(step, total, *timed(lambda: build(selection, records, config, out, workers)))
    yield row_of(f"{what}, verify", total, *timed(lambda: verify(out, workers)))


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


def row_of(what: str, frames: int, seconds: float, processor: float) -> Row:
    """Frames a second, and milliseconds of the processor for each."""
    return [what, frames / seconds, 1000 * processor / frames]


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

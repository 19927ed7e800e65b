"""Start of training on 10,000 videos: `python -m benchmarks.data_index`.

Writes half of them as a MOSE-like folder source and half as an OVIS-like JSON source, lists both
once, and then measures what a later start takes in a process of its own: from the constructor of
the data module to the first keys of an epoch, without importing. The same for a build of as many
videos with a manifest as `pvuw mose-plus` writes it. Last comes what importing alone takes.
`--keep DIR` keeps the files.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import psutil
from PIL import Image
from pycocotools import mask as coco_mask

from benchmarks.results import Run, Table, add_save
from benchmarks.tables import markdown
from pvuw.io.masks import write_id_map
from pvuw.mose_plus.build.manifest import BuiltObject, BuiltVideo, ManifestEntry, write_manifest
from pvuw.traits.video_traits import TRAIT_KINDS, VideoTraits

SIZE_HW = (32, 48)
NUM_OBJECTS = 4
STARTS = {
    "first": "sources in place, listed for the first time (and that of two workers)",
    "cached": "sources in place, with the index",
    "build": "a build",
}
IMPORTS = (
    ("nothing", "pass"),
    ("torch", "import torch"),
    ("torch and lightning", "import torch, lightning"),
    ("the data module", "import datamodules.mose_plus"),
)


def squares() -> list[np.ndarray]:
    """Four masks side by side."""
    masks = [np.zeros(SIZE_HW, dtype=np.uint8) for _ in range(NUM_OBJECTS)]
    for i, mask in enumerate(masks):
        mask[4:14, 12 * i : 12 * i + 9] = 1
    return masks


def write_templates(root: Path) -> tuple[Path, Path]:
    """One frame and one mask, which all videos link to."""
    frame, mask = root / "frame.jpg", root / "mask.png"
    frame.unlink(missing_ok=True)  # else it would be written into the file all links share
    Image.new("RGB", SIZE_HW[::-1], "gray").save(frame)
    id_map = sum((i + 1) * mask for i, mask in enumerate(squares()))
    write_id_map(mask, id_map.astype(np.uint8))
    return frame, mask


def link(template: Path, folder: Path, names: list[str]) -> None:
    """Fill a folder with hard links."""
    folder.mkdir(parents=True)
    for name in names:
        os.link(template, folder / name)


def write_folders(root: Path, num_videos: int, num_frames: int, *, prefix: str) -> None:
    """Videos in MOSE's layout under `root/train`."""
    for i in range(num_videos):
        if i % 100 == 0:  # file systems limit the links of one file
            frame, mask = write_templates(root)
        video_id = f"{prefix}{i:08x}"
        stems = [f"{t:05d}" for t in range(num_frames)]
        link(frame, root / "train" / "JPEGImages" / video_id, [f"{s}.jpg" for s in stems])
        link(mask, root / "train" / "Annotations" / video_id, [f"{s}.png" for s in stems])


def write_json_source(root: Path, num_videos: int, num_frames: int) -> None:
    """Videos in OVIS' layout under `root`."""
    runs = []
    for mask in squares():
        rle = coco_mask.encode(np.asfortranarray(mask))
        runs.append({"size": list(SIZE_HW), "counts": rle["counts"].decode()})
    names = [f"img_{t + 1:07d}.jpg" for t in range(num_frames)]
    videos, tracks = [], []
    for i in range(num_videos):
        if i % 100 == 0:
            frame, _ = write_templates(root)
        link(frame, root / "train" / f"{i:08x}", names)
        files = [f"{i:08x}/{name}" for name in names]
        size = {"height": SIZE_HW[0], "width": SIZE_HW[1]}
        videos.append({"id": i + 1, **size, "length": num_frames, "file_names": files})
        for run in runs:
            masks = [run] * num_frames
            ids = {"id": len(tracks) + 1, "video_id": i + 1, "category_id": 1}
            tracks.append({**ids, "iscrowd": 0, "segmentations": masks})
    categories = [{"id": 1, "name": "thing"}]
    content = {"videos": videos, "annotations": tracks, "categories": categories}
    (root / "annotations_train.json").write_text(json.dumps(content))


def write_all(root: Path, num_videos: int, num_frames: int) -> None:
    """Both sources, and a build with its manifest."""
    for name in ("mose", "ovis", "build"):
        (root / name).mkdir(parents=True)
    write_folders(root / "mose", num_videos // 2, num_frames, prefix="")
    write_json_source(root / "ovis", num_videos // 2, num_frames)
    write_folders(root / "build", num_videos, num_frames, prefix="b")
    write_manifest(
        root / "build", (entry(root, f"b{i:08x}", num_frames) for i in range(num_videos))
    )


def entry(root: Path, video_id: str, num_frames: int) -> ManifestEntry:
    """The line of one video, as long as real ones are."""
    key = {"source": "mose", "split": "train", "video_id": video_id, "fps": 5.0}
    files = tuple(f"{t:05d}.jpg" for t in range(num_frames))
    objects = tuple(
        BuiltObject(i, i, str(i), None, 90 * num_frames, num_frames)
        for i in range(1, NUM_OBJECTS + 1)
    )
    return ManifestEntry(
        **key,
        reference=True,
        admitted=True,
        reason="reference, taken whole",
        licence="CC BY-NC-SA 4.0, non-commercial research only",
        frame_dir=f"{root}/mose/train/JPEGImages/{video_id}",
        annotations=f"{root}/mose/train/Annotations/{video_id}",
        distance=1 / 3,
        distances=dict.fromkeys(TRAIT_KINDS, 1 / 3),
        traits=VideoTraits(
            **key,
            num_frames=num_frames,
            size_hw=SIZE_HW,
            num_objects=NUM_OBJECTS,
            objects_per_frame=NUM_OBJECTS,
            max_objects=NUM_OBJECTS,
            **dict.fromkeys(("bor_mean", "bor_max", "crowding", "motion", "similarity"), 1 / 3),
        ),
        fingerprint="0" * 20,
        built=BuiltVideo(video_id, "train", SIZE_HW, "link", 0, files, objects, "0" * 32, "0" * 32),
    )


def start(root: Path, what: str) -> None:
    """One start, in a process of its own; prints seconds and megabytes."""
    from datamodules import ClipConfig, MOSEPlusDataModule, TrainSource
    from datamodules.datasets import clips  # noqa: F401  (imported before the clock starts)

    process = psutil.Process()
    before = process.memory_info().rss
    started, busy = time.perf_counter(), time.process_time()
    sources = [TrainSource(name, root / name) for name in ("mose", "ovis")]
    data = MOSEPlusDataModule(
        root / "build" if what == "build" else None,
        sources=None if what == "build" else sources,
        index=root / "index",
        clip=ClipConfig(),
        num_workers=2 if what == "first" else 0,
    )
    data._set_up_training()
    loader = data.train_dataloader()
    keys = list(loader.sampler)
    taken, busy = time.perf_counter() - started, time.process_time() - busy
    grown = (process.memory_info().rss - before) / 1e6
    peak = int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1e3
    assert len(keys) > 0
    print(json.dumps([taken, busy, grown, peak]))


def import_table() -> Table:
    """What processes hold after importing and doing nothing."""
    rows = []
    for name, statement in IMPORTS:
        code = f"{statement}\nprint(open('/proc/self/status').read())"
        command = [sys.executable, "-c", code]
        status = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        held = [int(status.split(f"{key}:")[1].split()[0]) / 1e3 for key in ("VmRSS", "RssAnon")]
        rows.append([name, *held])
    return Table(("imported", "MB in all", "of it not in files"), rows, ("{}", "{:.0f}", "{:.0f}"))


def main() -> None:
    """Write, list, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--videos", type=int, default=10_000)
    parser.add_argument("--frames", type=int, default=60, help="frames of a video")
    parser.add_argument("--keep", type=Path, help="folder for the files; used again if it exists")
    add_save(parser)
    parser.add_argument("--start", nargs=2, metavar=("ROOT", "WHAT"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.start:
        start(Path(args.start[0]), args.start[1])
        return
    run, rows = Run("data_index", args, "torch", "lightning", "numpy"), []
    with tempfile.TemporaryDirectory() as name:
        root = args.keep or Path(name)
        if not (root / "build" / "manifest.jsonl").exists():
            write_all(root, args.videos, args.frames)
        shutil.rmtree(root / "index", ignore_errors=True)
        for what in STARTS:
            command = [sys.executable, "-m", "benchmarks.data_index", "--start", str(root), what]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            rows.append([STARTS[what], *json.loads(done.stdout.splitlines()[-1])])
    heads = (f"{args.videos:,} videos", "seconds", "of CPU", "MB more", "MB in all at most")
    tables = {
        "start": Table(heads, rows, ("{}", "{:.2f}", "{:.2f}", "{:.0f}", "{:.0f}")),
        "imports": import_table(),
    }
    for table in tables.values():
        print(markdown(asdict(table)))
    run.save(tables)


if __name__ == "__main__":
    main()

"""Speed of MOSE+'s first half: traits, hashes, cached start, duplicates among 10,000 videos.

    python -m benchmarks.mose_plus_traits

Videos are drawn by the script: 1280x720 JPEGs and palette PNGs, five objects each. The duplicates
are searched among made-up hashes that drift from frame to frame as those of real videos do.
"""

import argparse
import resource
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.results import Run, Table, add_save
from benchmarks.tables import markdown
from pvuw.io.masks import write_id_map
from pvuw.io.records import VideoRecord
from pvuw.io.videos import FolderFiles
from pvuw.mose_plus.select.analysis import TraitConfig, analyse, hash_videos, key_of
from pvuw.mose_plus.select.duplicates import DuplicateConfig, candidate_pairs, match_frames
from pvuw.mose_plus.select.hashing import HASH_BYTES, VideoHashes
from pvuw.sources import SourceSpec, open_source
from pvuw.sources.keys import VideoKey

SIZE_HW, OBJECTS = (720, 1280), 5
MANY_VIDEOS, MANY_FRAMES = 10_000, 60


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--videos", type=int, default=8)
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--workers", type=int, default=2)
    add_save(parser)
    args = parser.parse_args()
    cv2.setNumThreads(1)
    run = Run("mose_plus_traits", args, "numpy", "opencv-python-headless", "pillow")
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        write_videos(root / "train", args.videos, args.frames)
        records = list(open_source(SourceSpec("mose", root)).records())
        table = measure_analysis(records, root, args.workers)
    print(markdown(asdict(table)))
    measure_duplicates()
    run.save({"speed": table})


def write_videos(folder: Path, videos: int, frames: int) -> None:
    """Write videos in MOSE's layout: discs that wander over a textured, moving background."""
    for video in range(videos):
        rng = np.random.default_rng(video)
        height, width = SIZE_HW
        coarse = rng.integers(0, 256, (45, 160, 3), dtype=np.uint8)
        wide = cv2.resize(coarse, (2 * width, height), interpolation=cv2.INTER_CUBIC)
        places, steps = rng.uniform(100, 600, (OBJECTS, 2)), rng.normal(0, 8, (OBJECTS, 2))
        for t in range(frames):
            frame = wide[:, 8 * t : 8 * t + width].copy()
            id_map = np.zeros(SIZE_HW, dtype=np.uint8)
            for i, (x, y) in enumerate((places + t * steps).round().astype(int)):
                cv2.circle(frame, (int(x), int(y)), 60, (40 * i, 200, 255 - 40 * i), -1)
                cv2.circle(id_map, (int(x), int(y)), 60, i + 1, -1)
            write_id_map(folder / "Annotations" / f"{video:08x}" / f"{t:05d}.png", id_map)
            image = folder / "JPEGImages" / f"{video:08x}" / f"{t:05d}.jpg"
            image.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(image), frame, [cv2.IMWRITE_JPEG_QUALITY, 92])


def measure_analysis(records: list[VideoRecord], root: Path, workers: int) -> Table:
    """Frames a second of traits and hashes, also from the cache."""
    total = sum(record.num_frames for record in records)
    frames = {key_of(r): FolderFiles(r.frame_dir, r.frame_files) for r in records}
    rows = []

    def show(what: str, work: Callable[[], object]) -> None:
        seconds, processor = timed(work)
        rows.append([what, total / seconds, 1000 * processor / total])

    bare = TraitConfig(appearance_frames=0)
    traits, hashes = root / "traits", root / "hashes"
    show("traits from masks alone", lambda: analyse(records, workers=workers, config=bare))
    show(
        "traits with 12 frames of looks",
        lambda: analyse(records, cache=traits, workers=workers),
    )
    show("hashes of all frames", lambda: hash_videos(frames, cache=hashes, workers=workers))
    show("traits from the cache", lambda: analyse(records, cache=traits))
    show("hashes from the cache", lambda: hash_videos(frames, cache=hashes))
    starting, _ = timed(lambda: analyse(records[:workers], workers=workers, config=bare))
    print(f"starting the processes: at most {starting:.2f} s, once per source")
    return Table(
        ("step", "frames/s", "ms of processor per frame"), rows, ("{}", "{:,.0f}", "{:.2f}")
    )


def measure_duplicates() -> None:
    """Print how long the hashes of 10,000 videos take to compare, and what was found."""
    videos, planted = made_up_videos(np.random.default_rng(0))
    start = time.perf_counter()
    pairs = candidate_pairs(videos)
    found = time.perf_counter()
    limit = DuplicateConfig()
    same = {
        (i, j)
        for i, j in pairs
        if match_frames(videos[i], videos[j], max_bits=limit.max_bits).share >= limit.min_share
    }
    end = time.perf_counter()
    print(
        f"{MANY_VIDEOS} videos of {MANY_FRAMES} hashes: {found - start:.1f} s for {len(pairs)} "
        f"candidate pairs of {MANY_VIDEOS * (MANY_VIDEOS - 1) // 2}, {end - found:.1f} s to "
        f"compare them; {len(same & planted)} of {len(planted)} planted copies found, "
        f"{len(same - planted)} others"
    )


def made_up_videos(rng: np.random.Generator) -> tuple[list[VideoHashes], set[tuple[int, int]]]:
    """Return hashes of 10,000 videos and the pairs that are copies of each other.

    A hash drifts by 12 bits a frame; a copy keeps every second frame and differs in 6 bits of each.
    """
    videos, planted = [], set()
    for position in range(MANY_VIDEOS):
        key = VideoKey("made-up", "train", f"{position:08x}")
        if position % 100 == 99:
            source = videos[position - 50]
            hashes = source.hashes[::2] ^ flips(rng, len(source.hashes[::2]), 6)
            planted.add((position - 50, position))
        else:
            first = rng.integers(0, 256, (1, HASH_BYTES), dtype=np.uint8)
            drift = flips(rng, MANY_FRAMES, 12)
            hashes = first ^ np.bitwise_xor.accumulate(drift, axis=0)
        videos.append(VideoHashes(key, tuple(range(len(hashes))), hashes))
    return videos, planted


def flips(rng: np.random.Generator, count: int, bits: int) -> NDArray[np.uint8]:
    """Return masks in which `bits` of 256 bits, at random places, are set."""
    chosen = rng.random((count, 8 * HASH_BYTES)).argsort(axis=1) < bits
    return np.packbits(chosen, axis=1)


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Return seconds on the clock and of processor time, worker processes included."""
    start, used = time.perf_counter(), processor_seconds()
    work()
    return time.perf_counter() - start, processor_seconds() - used


def processor_seconds() -> float:
    """Return the processor time used so far; on a busy machine the clock says little."""
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in usage)


if __name__ == "__main__":
    main()

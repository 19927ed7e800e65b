"""Start of a run on as many sentences as MeViS has: `python -m benchmarks.mevis_index`.

Writes a split of 2,000 videos with 28,000 expressions about 8,000 objects and a `mask_dict.json`
of half a gigabyte in MeViS' layout, lists it, and then measures in a process of its own each what
listing takes with and without an index: seconds from the call to the last query, and how much the
process' largest memory grew. Frames are links to one picture. `--keep DIR` keeps the files.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from pycocotools import mask as coco_mask

from benchmarks.machine import describe_machine

SIZE_HW = (360, 640)
NUM_VIDEOS, NUM_FRAMES, NUM_OBJECTS, NUM_SENTENCES = 2000, 60, 4, 14
_MEASURE = """
import resource, sys, time
from pathlib import Path
from pvuw.sources import SourceSpec
from pvuw.sources.asked import queries_of
from pvuw.sources.index import load_records

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

before, start = peak(), time.process_time()
records = load_records(SourceSpec("mevis", Path(sys.argv[1])), cache_dir=Path(sys.argv[2]))
queries = [query for record in records for query in queries_of(record)]
print(len(records), len(queries), time.process_time() - start, peak() - before)
"""


def write_split(root: Path) -> None:
    """Write the split; each mask is a ragged blob, as long in runs as MeViS' are."""
    rng = np.random.default_rng(0)
    rows = np.arange(SIZE_HW[0])[:, None]
    runs = []
    for _ in range(200):
        edges = np.sort(rng.integers(0, SIZE_HW[0], (2, SIZE_HW[1])), axis=0)
        mask = (rows >= edges[0]) & (rows < edges[1])
        mask[:, : SIZE_HW[1] // 4] = mask[:, 3 * SIZE_HW[1] // 4 :] = False
        rle = coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))
        runs.append(json.dumps({"size": list(SIZE_HW), "counts": rle["counts"].decode()}))
    stems = [f"{t:05d}" for t in range(NUM_FRAMES)]
    videos = {}
    with (root / "mask_dict.json").open("w") as file:
        for v in range(NUM_VIDEOS):
            if v % 100 == 0:  # file systems limit the links of one file
                picture = root / "frame.jpg"
                picture.unlink(missing_ok=True)
                Image.new("RGB", SIZE_HW[::-1], "gray").save(picture)
            folder = root / "JPEGImages" / f"{v:012x}"
            folder.mkdir(parents=True)
            for stem in stems:
                os.link(picture, folder / f"{stem}.jpg")
            first = v * NUM_OBJECTS
            for anno in range(first, first + NUM_OBJECTS):
                masks = ", ".join(runs[i] for i in rng.integers(0, len(runs), NUM_FRAMES))
                file.write(f'{", " if anno else "{"}"{anno}": [{masks}]')
            videos[folder.name] = {
                "vid_id": v,
                "frames": stems,
                "expressions": {
                    str(e): {
                        "exp": f"the animal that turns to the left, the {e}th time it is asked",
                        "obj_id": [e % NUM_OBJECTS],
                        "anno_id": [first + e % NUM_OBJECTS],
                    }
                    for e in range(NUM_SENTENCES)
                },
            }
        file.write("}")
    (root / "meta_expressions.json").write_text(json.dumps({"videos": videos}))


def main() -> None:
    """Write, list and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", type=Path, help="folder for the files; kept, and used again")
    args = parser.parse_args()
    print(describe_machine("pycocotools"))
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.keep or Path(temporary)
        root = folder / "mevis"
        if not (root / "train" / "meta_expressions.json").exists():
            (root / "train").mkdir(parents=True)
            write_split(root / "train")
        size = (root / "train" / "mask_dict.json").stat().st_size
        print(f"mask_dict.json: {size / 1e6:.0f} MB")
        for index in folder.glob("cache/*.json"):
            index.unlink()
        for name in ("first start", "cached start", "cached start again"):
            command = [sys.executable, "-c", _MEASURE, str(root), str(folder / "cache")]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            videos, queries, seconds, memory = map(float, done.stdout.split())
            print(
                f"{name}: {videos:.0f} videos, {queries:.0f} sentences, {seconds:.2f} s of "
                f"processor time, {memory:.0f} MB more than before"
            )
        (index,) = folder.glob("cache/*.json")
        print(f"index: {index.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()

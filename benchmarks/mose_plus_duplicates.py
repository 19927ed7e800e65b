"""What the limits of duplicate detection rest on: copies, neighbours and look-alikes of real clips.

    python -m benchmarks.mose_plus_duplicates --images DAVIS/JPEGImages/480p \
        --annotations DAVIS/Annotations/480p

Any folder of videos will do; the masks cut out the objects that are pasted for the still camera.
"""

import argparse
import itertools
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.results import Run, Table, add_save
from benchmarks.tables import markdown
from pvuw.io.videos import FolderFiles
from pvuw.mose_plus.select.confirm import picture_difference, thumbnail
from pvuw.mose_plus.select.duplicates import DuplicateConfig, find_duplicates
from pvuw.mose_plus.select.hashing import frame_hash, hamming, hash_frames
from pvuw.sources.keys import VideoKey
from pvuw.traits.pixels import read_reduced

Picture = NDArray[np.uint8]
COPIES = {
    "half size, quality 75": (0.5, 75, cv2.INTER_AREA),
    "1.5 x size, quality 60": (1.5, 60, cv2.INTER_CUBIC),
    "0.7 x size, quality 40": (0.7, 40, cv2.INTER_LINEAR),
    "a third, quality 30": (1 / 3, 30, cv2.INTER_AREA),
    "half size, nearest, quality 75": (0.5, 75, cv2.INTER_NEAREST),
}
STILL_CAMERA_CLIPS = 60

Row = list[Any]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--images", type=Path, required=True, help="one folder of frames per video")
    parser.add_argument("--annotations", type=Path, required=True, help="one folder of masks each")
    add_save(parser)
    args = parser.parse_args()
    cv2.setNumThreads(1)
    run = Run("mose_plus_duplicates", args, "numpy", "opencv-python-headless", "pillow")
    videos = {
        folder.name: FolderFiles(folder, sorted(path.name for path in folder.glob("*.jpg")))
        for folder in sorted(args.images.iterdir())
    }
    print(f"{len(videos)} videos, {sum(map(len, videos.values()))} frames")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        frames = [*frames_against_copies(videos, folder), *frames_against_neighbours(videos)]
        found = [
            *whole_videos(videos, folder),
            *still_cameras(videos, args.annotations, folder),
        ]
    quantiles = "50 %, 99 %, max; of later frames min, 1 %, 50 %"
    heads = ("one frame against", f"bits of 256: {quantiles}", "grey levels: the same")
    form = ("{}", "{:.0f}, {:.0f}, {:.0f}", "{:.1f}, {:.1f}, {:.1f}")
    heads_of_videos = (
        "clips",
        "number",
        "pairs by hashes alone",
        "with pixels",
        "planted",
        "wrong",
    )
    tables = {"frames": Table(heads, frames, form), "videos": Table(heads_of_videos, found)}
    for table in tables.values():
        print(markdown(asdict(table)))
    run.save(tables)


def frames_against_copies(videos: dict[str, FolderFiles], folder: Path) -> Iterator[Row]:
    """How far copies of single frames are from the frames."""
    for what, (scale, quality, interpolation) in COPIES.items():
        rows = []
        for path in itertools.chain(*(files[::10] for files in videos.values())):
            copy = folder / "copy.jpg"
            picture = cv2.imread(str(path))
            assert picture is not None
            small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=interpolation)
            cv2.imwrite(str(copy), small, [cv2.IMWRITE_JPEG_QUALITY, quality])
            rows.append(distances(path, copy))
        yield quantiles_of(f"its copy, {what}", rows)


def frames_against_neighbours(videos: dict[str, FolderFiles]) -> Iterator[Row]:
    """How far the next frames of the same video are: smallest values matter here."""
    for step in (1, 2, 5):
        rows = [
            distances(files[i], files[i + step])
            for files in videos.values()
            for i in range(0, len(files) - step, 10)
        ]
        yield quantiles_of(f"the frame {step} later", rows, quantiles=(0, 0.01, 0.5))


def whole_videos(videos: dict[str, FolderFiles], folder: Path) -> Iterator[Row]:
    """What is found among all videos, their halves, and copies of every second frame."""
    halves = {
        VideoKey("halves", "train", f"{name} {part}"): chosen
        for name, files in videos.items()
        for part, chosen in (
            ("1", files[: len(files) // 2 - 5]),
            ("2", files[len(files) // 2 + 5 :]),
        )
    }
    yield report("first and second halves, 10 frames cut out between", halves, set())
    copies = {VideoKey("copies", "train", f"{n} copy"): recode(f[::2], folder / n)
              for n, f in videos.items()}  # fmt: skip
    originals = {VideoKey("originals", "train", name): files for name, files in videos.items()}
    planted = {(f"{name} copy", name) for name in videos}
    yield report("copies of every second frame, half size, quality 60", originals | copies, planted)


def still_cameras(videos: dict[str, FolderFiles], annotations: Path, folder: Path) -> Iterator[Row]:
    """What is found among clips of one unmoving background with objects in motion."""
    rng = np.random.default_rng(0)
    names = sorted(videos)
    for share in (0.002, 0.005, 0.01, 0.02, 0.05):
        pairs = {}
        for trial in range(STILL_CAMERA_CLIPS):
            background = cv2.imread(str(videos[names[trial % len(names)]][0]))
            actor = videos[names[(trial * 7 + 3) % len(names)]]
            for part in "ab":
                key = VideoKey("still", "train", f"{share} {trial} {part}")
                clip = paste(background, actor, annotations, share, rng)
                pairs[key] = write(clip, folder / f"{share}_{trial}{part}")
        yield report(f"still camera, moving object of {share:.1%} of the frame", pairs, set())


def paste(
    background: Picture,
    actor: FolderFiles,
    annotations: Path,
    share: float,
    rng: np.random.Generator,
) -> list[Picture]:
    """Return eight frames of a background over which a cut-out of a video moves in a line."""
    height, width = background.shape[:2]
    frame = cv2.imread(str(actor[0]))
    mask = cv2.imread(str(annotations / actor.folder.name / (actor[0].stem + ".png")), 0)
    left, top, box_width, box_height = cv2.boundingRect(mask)
    box = np.s_[top : top + box_height, left : left + box_width]
    scale = min((share * height * width / (mask[box] > 0).sum()) ** 0.5, height / box_height / 1.5,
                width / box_width / 1.5)  # fmt: skip
    cut = cv2.resize(frame[box], None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    inside = cv2.resize(mask[box], cut.shape[1::-1], interpolation=cv2.INTER_NEAREST) > 0
    ends = rng.integers(0, (height - cut.shape[0], width - cut.shape[1]), (2, 2))
    frames = []
    for y, x in np.linspace(*ends, 8).round().astype(int):
        picture = background.copy()
        picture[y : y + cut.shape[0], x : x + cut.shape[1]][inside] = cut[inside]
        frames.append(picture)
    return frames


def recode(files: FolderFiles, folder: Path) -> FolderFiles:
    """Return a copy of a video at half its size."""
    pictures = (cv2.imread(str(path)) for path in files)
    return write([cv2.resize(p, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
                  for p in pictures], folder, quality=60)  # fmt: skip


def write(pictures: list[Picture], folder: Path, quality: int = 85) -> FolderFiles:
    """Write pictures as a video."""
    folder.mkdir(parents=True)
    names = [f"{t:05d}.jpg" for t in range(len(pictures))]
    for name, picture in zip(names, pictures, strict=True):
        cv2.imwrite(str(folder / name), picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return FolderFiles(folder, names)


def report(what: str, videos: dict[VideoKey, FolderFiles], planted: set[tuple[str, str]]) -> Row:
    """How many pairs are found, by hashes alone and with pixels compared."""
    hashes = [hash_frames(key, files) for key, files in videos.items()]
    by_hash = find_duplicates(hashes, videos, config=DuplicateConfig(max_difference=1e9))
    found = find_duplicates(hashes, videos, config=DuplicateConfig())
    names = {(pair.first.video_id, pair.second.video_id) for pair in found}
    right = f"{len(names & planted)} of {len(planted)}"
    return [what, len(videos), len(by_hash), len(found), right, len(names - planted)]


def distances(first: Path, second: Path) -> tuple[int, float]:
    """Return bits between the hashes and the largest local difference in grey levels."""
    hashes = [frame_hash(read_reduced(path, "L", min_side=128)) for path in (first, second)]
    assert hashes[0] is not None
    assert hashes[1] is not None
    bits = int(hamming(hashes[0][None], hashes[1][None])[0, 0])
    return bits, picture_difference(thumbnail(first), thumbnail(second))


def quantiles_of(
    what: str, rows: list[tuple[int, float]], quantiles: tuple[float, ...] = (0.5, 0.99, 1)
) -> Row:
    """Quantiles of both distances."""
    bits, levels = np.quantile(np.array(rows), quantiles, axis=0).T
    return [what, bits.tolist(), levels.tolist()]


if __name__ == "__main__":
    main()

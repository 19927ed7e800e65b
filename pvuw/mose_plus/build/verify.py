"""A finished build looked at again: is everything there, and is it what the manifest says?"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pvuw.errors import DataError
from pvuw.io.masks import image_size_hw, read_id_map
from pvuw.io.png_masks import count_pixels
from pvuw.mose_plus.build.build import WORK
from pvuw.mose_plus.build.leaks import find_leaks
from pvuw.mose_plus.build.manifest import (
    SUBSETS,
    VALID,
    BuildInfo,
    BuiltVideo,
    ManifestEntry,
    frame_name,
    read_info,
    read_manifest,
)
from pvuw.mose_plus.build.summary import FORMAT, LISTS, list_text
from pvuw.mose_plus.build.video_out import PROMPTS, digest_files, kinds_of
from pvuw.mose_plus.cache import ResultCache
from pvuw.mose_plus.jobs import Job, run_cached
from pvuw.sources.keys import VideoKey


@dataclass(frozen=True, slots=True)
class Verification:
    """What a look at a build found."""

    problems: list[str]
    """One line each, naming a file or video and what to do; empty for a build in order."""
    videos: Counter[str]
    """Videos by subset."""
    frames: int
    objects: int


def verify_build(build: Path, *, workers: int, evaluation: Sequence[Path] = ()) -> Verification:
    """Return everything that is wrong with a build.

    Looked at are the lists, the folders (nothing missing, nothing else there), names and sizes of
    all frames and masks, the pixels of every object, the digests of all files, and whether a video
    is on an evaluation list or twice in the build.

    Args:
        build: Folder of the build.
        workers: Processes.
        evaluation: Evaluation videos that the frames of the build are compared with, too: folders
            or lists of ids, as for `EvaluationConfig`.

    Raises:
        DataError: If it is no build, one of another version, or evaluation cannot be read.
    """
    entries, info = read_manifest(build), read_info(build)
    if info.format != FORMAT:
        raise DataError(
            f"{build}: written in format {info.format}, this version reads {FORMAT}; build it again"
        )
    videos = [entry.built for entry in entries if entry.built is not None]
    problems = [
        *_unfinished(build),
        *_wrong_lists(build, entries),
        *_forbidden(entries, info),
        *_wrong_folders(build, videos),
        *_wrong_videos(build, entries, workers),
    ]
    if evaluation:
        limits = info.config.duplicates
        problems += find_leaks(build, entries, evaluation, config=limits, workers=workers)
    return Verification(
        problems,
        Counter(video.subset for video in videos),
        sum(video.num_frames for video in videos),
        sum(len(video.objects) for video in videos),
    )


def _unfinished(build: Path) -> Iterator[str]:
    if (build / WORK).exists():
        yield f"{build / WORK}: the build is not finished; give the build command again"
    for path in sorted(build.glob(".*.tmp")):
        yield f"{path}: left behind by a killed process; remove it"


def _wrong_lists(build: Path, entries: Sequence[ManifestEntry]) -> Iterator[str]:
    for name, subsets in LISTS.items():
        path = build / name
        if not path.is_file():
            yield f"{path}: missing; build again"
        elif path.read_text(encoding="utf-8") != list_text(entries, subsets):
            yield f"{path}: does not name the videos of the manifest; build again"


def _forbidden(entries: Sequence[ManifestEntry], info: BuildInfo) -> Iterator[str]:
    """Yield videos that must not be there, and videos that are there twice."""
    lists = {video_id: name for name, ids in info.evaluation.items() for video_id in ids}
    admitted = [entry for entry in entries if entry.admitted]
    for entry in admitted:
        if entry.built is None:
            yield f"{entry.key}: admitted but not in the build; build again"
        if entry.video_id in lists:
            listed = lists[entry.video_id]
            yield f"{entry.key}: evaluation video, its id is in {listed}; build again without it"
    for what, ids in (
        ("id", Counter(entry.video_id for entry in admitted)),
        ("name", Counter(entry.built.video_id for entry in admitted if entry.built)),
    ):
        for video_id, count in ids.items():
            if count > 1:
                yield f"{video_id}: {what} of {count} videos; build again"


def _wrong_folders(build: Path, videos: Sequence[BuiltVideo]) -> Iterator[str]:
    """Yield videos without a folder, and what lies in the build without being in the manifest."""
    for subset in SUBSETS:
        names = {video.video_id for video in videos if video.subset == subset}
        folder = build / subset
        if names or folder.exists():
            yield from _wrong_entries(folder, set(kinds_of(subset)))
        for kind in kinds_of(subset):
            if names and (folder / kind).is_dir():
                yield from _wrong_entries(folder / kind, names)


def _wrong_entries(folder: Path, expected: set[str]) -> Iterator[str]:
    found = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    for name in sorted(expected - found):
        yield f"{folder / name}: missing; remove what is left of it and build again"
    for name in sorted(found - expected):
        yield f"{folder / name}: not in the manifest; remove it"


def _wrong_videos(build: Path, entries: Sequence[ManifestEntry], workers: int) -> Iterator[str]:
    jobs: list[Job[tuple[Path, BuiltVideo]]] = [
        Job(VideoKey(entry.source, entry.split, entry.video_id), "", (build, entry.built))
        for entry in entries
        if entry.built is not None
    ]
    results, _ = run_cached(
        _look_at, jobs, cache=ResultCache(None), workers=workers, label="verifying videos"
    )
    for result in results:
        yield from result["problems"]


def _look_at(task: tuple[Path, BuiltVideo]) -> dict[str, Any]:
    """Return the problems of one video; a damaged file is one of them, not an error."""
    build, video = task
    problems: list[str] = []
    try:
        problems += _wrong_files(build, video)
    except DataError as error:
        problems.append(str(error))
    return {"problems": problems}


def _wrong_files(build: Path, video: BuiltVideo) -> Iterator[str]:
    frames, masks = video.frames_dir(build), video.masks_dir(build)
    if not (frames.is_dir() and masks.is_dir()):
        return  # said already
    missing = [
        *_wrong_entries(frames, {f"{name}.jpg" for name in video.frame_names}),
        *_wrong_entries(masks, {f"{name}.png" for name in video.frame_names}),
    ]
    yield from missing
    if missing:
        return
    broken_links = [path for path in sorted(frames.iterdir()) if not path.exists()]
    if broken_links:
        yield f"{broken_links[0]}: the linked frame is gone; remove its folder and build again"
        return
    yield from _wrong_sizes(frames, video)
    yield from _wrong_masks(masks, video)
    if video.subset == VALID:
        yield from _wrong_prompts(build, video)
    if digest_files(frames) != video.frames_digest:
        yield f"{frames}: frames are not those that were built; remove its folder and build again"


def _wrong_sizes(frames: Path, video: BuiltVideo) -> Iterator[str]:
    for path in sorted(frames.iterdir()):
        found = image_size_hw(path)
        if found != video.size_hw:
            yield _wrong_size(path, found, video)


def _wrong_size(path: Path, found: tuple[int, ...], video: BuiltVideo) -> str:
    return (
        f"{path}: is {found[1]}x{found[0]}, the manifest says {video.size_hw[1]}x"
        f"{video.size_hw[0]}; remove its folder and build again"
    )


def _wrong_masks(masks: Path, video: BuiltVideo) -> Iterator[str]:
    pixels: Counter[int] = Counter()
    frames: Counter[int] = Counter()
    for path in sorted(masks.iterdir()):
        id_map = read_id_map(path)
        if id_map.shape != video.size_hw:
            yield _wrong_size(path, id_map.shape, video)
        counts = count_pixels(id_map)
        pixels.update(counts)
        frames.update(counts.keys())
    if [obj.object_id for obj in video.objects] != list(range(1, len(video.objects) + 1)):
        yield f"{masks}: the manifest's object ids are not 1..N; remove its folder and build again"
    expected = {obj.object_id: (obj.pixels, obj.frames) for obj in video.objects}
    for object_id in sorted(expected.keys() | pixels.keys()):
        found = (pixels[object_id], frames[object_id])
        wanted = expected.get(object_id, (0, 0))
        if found != wanted:
            yield (
                f"{masks}: object {object_id} has {found[0]} pixels in {found[1]} frames, the "
                f"manifest says {wanted[0]} in {wanted[1]}; remove its folder and build again"
            )
    if digest_files(masks) != video.masks_digest:
        yield f"{masks}: masks are not those that were built; remove its folder and build again"


def _wrong_prompts(build: Path, video: BuiltVideo) -> Iterator[str]:
    first = f"{frame_name(0)}.png"
    folder = build / video.subset / PROMPTS / video.video_id
    wrong = list(_wrong_entries(folder, {first}))
    yield from wrong
    if not wrong and (folder / first).read_bytes() != (video.masks_dir(build) / first).read_bytes():
        yield f"{folder / first}: differs from the ground truth; remove its folder and build again"

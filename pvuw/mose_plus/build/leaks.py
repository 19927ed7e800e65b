"""A finished build held against evaluation videos, by their frames and by their ids."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from pvuw.errors import DataError
from pvuw.io.videos import FolderFiles
from pvuw.mose_plus.build.manifest import ManifestEntry
from pvuw.mose_plus.config import NONE, EvaluationConfig
from pvuw.mose_plus.select.analysis import hash_videos
from pvuw.mose_plus.select.duplicates import DuplicateConfig, find_duplicates
from pvuw.mose_plus.select.evaluation import EVALUATION, read_evaluation, unmatched_ids
from pvuw.sources.keys import VideoKey


def find_leaks(
    build: Path,
    entries: Sequence[ManifestEntry],
    evaluation: Sequence[Path],
    *,
    config: DuplicateConfig,
    workers: int,
) -> Iterator[str]:
    """Yield a line for each built video that is an evaluation video, whatever it is called.

    The frames compared are those that lie in the build now, not those it was made from.

    Args:
        build: Folder of the build.
        entries: Its manifest.
        evaluation: Folders of evaluation videos, whose frames are compared, and lists of ids.
        config: When two videos show the same frames.
        workers: Processes.

    Raises:
        DataError: If an evaluation list or frame cannot be read.
    """
    lists = tuple(map(str, evaluation))
    videos = read_evaluation(EvaluationConfig(mose=(NONE,), davis=(NONE,), others=lists))
    named = {video.video_id: video.list_name for video in videos}
    built = {entry.key: entry for entry in entries if entry.built is not None}
    unmatched_ids(videos, {key.video_id for key in built})  # refuses misspelt ones
    for key in built:
        if key.video_id in named:
            yield _line(key, f"its id is in {named[key.video_id]}")
    frames = {key: _frames(build, entry) for key, entry in built.items()}
    references = {video.key: video.frames for video in videos if video.frames is not None}
    hashed = hash_videos(references, workers=workers)
    for video in hashed.broken:
        raise DataError(video.message)
    ours = hash_videos(frames, workers=workers)
    for video in ours.broken:
        yield f"{video.key}: not compared with evaluation videos; {video.message}"
    pairs = find_duplicates(
        [*hashed.hashes, *ours.hashes],
        frames | references,
        config=config,
        is_evaluation=lambda key: key.source == EVALUATION,
    )
    for pair in pairs:
        leak, other = sorted((pair.first, pair.second), key=lambda key: key.source == EVALUATION)
        if other.source == EVALUATION:
            yield _line(
                leak,
                f"{pair.share:.0%} of the frames match those of {other.video_id} of {other.split}",
            )


def _frames(build: Path, entry: ManifestEntry) -> FolderFiles:
    assert entry.built is not None
    names = [f"{name}.jpg" for name in entry.built.frame_names]
    return FolderFiles(entry.built.frames_dir(build), names)


def _line(key: VideoKey, why: str) -> str:
    return f"{key}: evaluation video, {why}; build again with it under `evaluation`"

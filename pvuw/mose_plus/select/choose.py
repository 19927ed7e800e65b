"""From the records of all sources to a decision for each video: the whole way in one call."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pvuw.errors import DataError
from pvuw.io.records import VideoRecord
from pvuw.io.videos import FolderFiles
from pvuw.mose_plus.config import MosePlusConfig
from pvuw.mose_plus.select.analysis import Analysis, HashAnalysis, analyse, hash_videos, key_of
from pvuw.mose_plus.select.decision import Decision
from pvuw.mose_plus.select.distance import TraitRange, reference_ranges
from pvuw.mose_plus.select.duplicates import DuplicatePair, find_duplicates
from pvuw.mose_plus.select.evaluation import (
    EVALUATION,
    EvaluationVideo,
    read_evaluation,
    unmatched_ids,
)
from pvuw.mose_plus.select.selection import borrow_labels, select
from pvuw.sources.keys import VideoKey
from pvuw.traits.video_traits import VideoTraits


@dataclass(frozen=True, slots=True)
class Selection:
    """What was decided, and all it was decided by."""

    decisions: list[Decision]
    """One per video, by source in the order of the file, then by id."""
    traits: list[VideoTraits]
    """Of every video that could be read."""
    ranges: dict[str, TraitRange]
    """What is typical of the reference, by trait."""
    duplicates: list[DuplicatePair]
    """Videos that show the same frames; source `evaluation` marks evaluation videos."""

    unmatched: dict[str, list[str]] = field(default_factory=dict)
    """By evaluation list the ids that no video of the sources has."""

    @property
    def admitted(self) -> list[Decision]:
        """The decisions in favour of a video."""
        return [decision for decision in self.decisions if decision.admitted]


def choose_videos(
    records: Sequence[VideoRecord], config: MosePlusConfig, *, cache: Path | None, workers: int
) -> Selection:
    """Return a decision for every video.

    Args:
        records: Videos of all sources of the settings, each with another source, split and id.
        config: The settings.
        cache: Folder for traits and hashes, two files per source; None: nothing is kept.
        workers: Processes.

    Raises:
        DataError: If a video's source is not in the settings, an evaluation list is missing or
            misspells a video, an evaluation video is unreadable, or the reference is too small.
    """
    evaluation = read_evaluation(config.evaluation)  # first: it fails before hours of work
    unmatched = unmatched_ids(evaluation, {record.video_id for record in records})
    analyses, hashed = [], [_hash_evaluation(evaluation, cache, workers)]
    for name, videos in _by_source(records, config).items():
        traits_file, hashes_file = _file(cache, f"{name}.traits"), _file(cache, f"{name}.hashes")
        analyses.append(analyse(videos, cache=traits_file, workers=workers, config=config.traits))
        hashed.append(hash_videos(_frames(videos), cache=hashes_file, workers=workers))
    duplicates = find_duplicates(
        [video for part in hashed for video in part.hashes],
        _frames(records) | _evaluation_frames(evaluation),
        config=config.duplicates,
        is_evaluation=lambda key: key.source == EVALUATION,
    )
    selection = _decide(analyses, hashed, config, duplicates, evaluation)
    return replace(selection, unmatched=unmatched)


def _decide(
    analyses: Sequence[Analysis],
    hashed: Sequence[HashAnalysis],
    config: MosePlusConfig,
    duplicates: list[DuplicatePair],
    evaluation: Sequence[EvaluationVideo],
) -> Selection:
    broken = {video.key: video for part in hashed for video in part.broken}
    broken |= {video.key: video for part in analyses for video in part.broken}
    traits = [video for part in analyses for video in part.traits if video.key not in broken]
    decisions = select(
        traits,
        [video for video in traits if _is_reference(video.key, config)],
        config,
        duplicates=duplicates,
        evaluation=evaluation,
        broken=list(broken.values()),
    )
    kept = [d.traits for d in decisions if d.admitted and d.traits is not None]
    reference = [video for video in kept if _is_reference(video.key, config)]
    ranges = reference_ranges(borrow_labels(reference, traits), config.selection)
    return Selection(decisions, traits, ranges, duplicates)


def _is_reference(key: VideoKey, config: MosePlusConfig) -> bool:
    return config.settings(key.source, key.split).reference


def _by_source(
    records: Sequence[VideoRecord], config: MosePlusConfig
) -> dict[str, list[VideoRecord]]:
    """Return the videos by the name their cache files carry."""
    groups: dict[str, list[VideoRecord]] = {}
    for record in records:
        config.priority(record.source, record.split)  # raises for a source that is not named
        groups.setdefault(f"{record.source}_{record.split}", []).append(record)
    return groups


def _frames(records: Sequence[VideoRecord]) -> dict[VideoKey, FolderFiles]:
    return {key_of(r): FolderFiles(r.frame_dir, r.frame_files) for r in records}


def _evaluation_frames(evaluation: Sequence[EvaluationVideo]) -> dict[VideoKey, FolderFiles]:
    return {video.key: video.frames for video in evaluation if video.frames is not None}


def _hash_evaluation(
    evaluation: Sequence[EvaluationVideo], cache: Path | None, workers: int
) -> HashAnalysis:
    """Return hashes of all evaluation frames; a copy of an unreadable one would go unnoticed."""
    frames, path = _evaluation_frames(evaluation), _file(cache, "evaluation.hashes")
    analysis = hash_videos(frames, cache=path, workers=workers)
    for video in analysis.broken:
        raise DataError(video.message)
    return analysis


def _file(cache: Path | None, name: str) -> Path | None:
    return None if cache is None else cache / f"{name}.jsonl"

"""What is written down about a finished build: manifest lines, settings, lists of videos."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pvuw import __version__
from pvuw.io.atomic import write_text_atomic
from pvuw.io.records import VideoRecord
from pvuw.mose_plus.build.manifest import SUBSETS, BuildInfo, BuiltVideo, ManifestEntry
from pvuw.mose_plus.build.plan import annotations_of
from pvuw.mose_plus.config import MosePlusConfig
from pvuw.mose_plus.select.choose import Selection
from pvuw.mose_plus.select.decision import Decision
from pvuw.mose_plus.select.evaluation import read_evaluation
from pvuw.sources.keys import VideoKey

FORMAT = 1
LISTS = {"moseplus.txt": SUBSETS, "train.txt": ("train",), "valid.txt": ("valid",)}
"""List file -> the subsets whose videos it names."""
NOT_BUILT = "could not be built"
"""How the reason starts of a video that was admitted and then turned out to be broken."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A video that lies in the build."""

    fingerprint: str
    """Of everything it was made from."""
    video: BuiltVideo


def list_text(entries: Sequence[ManifestEntry], subsets: Sequence[str]) -> str:
    """Return the content of a list file: the ids of the videos of some subsets, sorted."""
    videos = [entry.built for entry in entries if entry.built is not None]
    ids = sorted(video.video_id for video in videos if video.subset in subsets)
    return "".join(f"{video_id}\n" for video_id in ids)


def manifest_entries(
    selection: Selection,
    records: Mapping[VideoKey, VideoRecord],
    config: MosePlusConfig,
    done: Mapping[VideoKey, Finished],
    broken: Mapping[VideoKey, str],
) -> Iterator[ManifestEntry]:
    """Yield the line of every video, in the order of the decisions.

    Args:
        selection: The decisions.
        records: Every video a decision is about.
        config: The settings.
        done: The videos that lie in the build.
        broken: What is wrong with admitted videos that could not be built.
    """
    for decision in selection.decisions:
        failure = broken.get(decision.key)
        if failure is not None:
            reason = f"{NOT_BUILT}: {failure}"
            decision = dataclasses.replace(decision, admitted=False, reason=reason)
        yield _entry(decision, records[decision.key], config, done.get(decision.key))


def _entry(
    decision: Decision,
    record: VideoRecord,
    config: MosePlusConfig,
    finished: Finished | None,
) -> ManifestEntry:
    return ManifestEntry(
        source=decision.source,
        split=decision.split,
        video_id=decision.video_id,
        reference=config.settings(decision.source, decision.split).reference,
        admitted=decision.admitted,
        reason=decision.reason,
        licence=record.licence,
        frame_dir=record.frame_dir.as_posix(),
        annotations=annotations_of(record),
        fps=record.fps,
        distance=decision.distance,
        distances=dict(decision.distances),
        traits=decision.traits,
        duplicate_of=decision.duplicate_of,
        fingerprint=None if finished is None else finished.fingerprint,
        built=None if finished is None else finished.video,
    )


def write_lists(build: Path, entries: Sequence[ManifestEntry]) -> None:
    """Write `moseplus.txt`, `train.txt` and `valid.txt`."""
    for name, subsets in LISTS.items():
        write_text_atomic(build / name, list_text(entries, subsets))


def build_info(selection: Selection, config: MosePlusConfig) -> BuildInfo:
    """Return what holds for the whole build."""
    ids: dict[str, tuple[str, ...]] = {}
    for video in read_evaluation(config.evaluation):
        ids[video.list_name] = (*ids.get(video.list_name, ()), video.video_id)
    return BuildInfo(
        format=FORMAT,
        pvuw=__version__,
        config=config,
        ranges=selection.ranges,
        evaluation=ids,
    )

"""Traits and hashes of many videos: measured once, then known."""

import base64
import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pvuw.fingerprint import fingerprint
from pvuw.io.records import VideoRecord
from pvuw.io.videos import FolderFiles
from pvuw.mose_plus.cache import ResultCache
from pvuw.mose_plus.jobs import BrokenVideo, Job, run_cached
from pvuw.mose_plus.select.hashing import HASH_BYTES, HASH_VERSION, VideoHashes, hash_frames
from pvuw.sources.keys import VideoKey
from pvuw.traits.appearance import ColourAndTexture, ObjectDescriptor
from pvuw.traits.embedding import BackboneEmbedding, EmbeddingConfig
from pvuw.traits.measure import measure_traits
from pvuw.traits.video_traits import TRAIT_VERSION, VideoTraits

_NETWORKS: dict[str, BackboneEmbedding] = {}
"""The one in use, by its written configuration."""


@dataclass(frozen=True, kw_only=True)
class TraitConfig:
    """How traits are measured where there is a choice."""

    appearance_frames: int = 12
    """Frames per video, spread evenly, on which objects are compared by their looks; 0: none."""
    embedding: EmbeddingConfig | None = None
    """Compare them by a network's embedding instead of colour and texture."""


@dataclass(frozen=True, slots=True)
class Analysis:
    """Traits of the videos that could be read, and the videos that could not."""

    traits: list[VideoTraits]
    broken: list[BrokenVideo]


@dataclass(frozen=True, slots=True)
class HashAnalysis:
    """Hashes of the videos that could be read, and the videos that could not."""

    hashes: list[VideoHashes]
    broken: list[BrokenVideo]


def analyse(
    records: Sequence[VideoRecord],
    *,
    cache: Path | None = None,
    workers: int = 1,
    config: TraitConfig | None = None,
) -> Analysis:
    """Return the traits of videos, in the order of `records`; what is cached is not read again.

    Args:
        records: Videos, each with another source, split and id.
        cache: File that results are appended to and taken from; killed, it goes on from there.
        workers: Processes.
        config: How to measure.
    """
    settings = config or TraitConfig()
    # The record names its frames and, in its store, its mask files; all of them are looked at.
    jobs = [
        Job(
            key_of(record),
            fingerprint("traits", TRAIT_VERSION, record, settings),
            (record, settings),
        )
        for record in records
    ]
    results, broken = run_cached(
        _measure, jobs, cache=ResultCache(cache), workers=workers, label="measuring masks"
    )
    traits = [VideoTraits(**{**r, "size_hw": tuple(r["size_hw"])}) for r in results]
    return Analysis(traits, broken)


def hash_videos(
    frames: Mapping[VideoKey, FolderFiles], *, cache: Path | None = None, workers: int = 1
) -> HashAnalysis:
    """Return the hashes of videos, in the order of `frames`; what is cached is not read again.

    Args:
        frames: Frame files of each video, in time order.
        cache: File that results are appended to and taken from.
        workers: Processes.
    """
    jobs = [
        Job(key, fingerprint("hashes", HASH_VERSION, files.folder, files.names), (key, files))
        for key, files in frames.items()
    ]
    results, broken = run_cached(
        _hash, jobs, cache=ResultCache(cache), workers=workers, label="hashing frames"
    )
    return HashAnalysis([_hashes_from(result) for result in results], broken)


def key_of(record: VideoRecord) -> VideoKey:
    """Return the name of a video across sources."""
    return VideoKey(record.source, record.split, record.video_id)


def _measure(task: tuple[VideoRecord, TraitConfig]) -> dict[str, Any]:
    record, config = task
    traits = measure_traits(
        record,
        appearance_frames=config.appearance_frames,
        descriptor=_descriptor(config.embedding),
    )
    return dataclasses.asdict(traits)


def _hash(task: tuple[VideoKey, FolderFiles]) -> dict[str, Any]:
    hashes = hash_frames(*task)
    return {
        "key": list(hashes.key),
        "positions": list(hashes.positions),
        "hashes": base64.b64encode(hashes.hashes.tobytes()).decode(),
    }


def _descriptor(config: EmbeddingConfig | None) -> ObjectDescriptor:
    """Return what tells objects apart by their looks; a network is built once per process."""
    if config is None:
        return ColourAndTexture()
    if (written := repr(config)) not in _NETWORKS:
        _NETWORKS.clear()
        _NETWORKS[written] = BackboneEmbedding(config)
    return _NETWORKS[written]


def _hashes_from(result: Mapping[str, Any]) -> VideoHashes:
    rows = np.frombuffer(base64.b64decode(result["hashes"]), dtype=np.uint8)
    positions = tuple(result["positions"])
    return VideoHashes(VideoKey(*result["key"]), positions, rows.reshape(-1, HASH_BYTES))

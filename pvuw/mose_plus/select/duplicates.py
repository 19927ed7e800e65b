"""The same video under two names: hashes find candidates fast, pixels decide."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from pvuw.mose_plus.select.confirm import picture_difference, thumbnail
from pvuw.mose_plus.select.hashing import VideoHashes, hamming
from pvuw.sources.keys import VideoKey

# Four keys of 24 bits out of the 96 lowest frequencies, dealt out in turn, so that each key holds
# coarse and fine bits. Copies of a frame differ in few bits and so agree in at least one key.
_KEYS, _KEY_BITS = 4, 24


@dataclass(frozen=True, kw_only=True)
class DuplicateConfig:
    """When two videos count as the same. docs/mose_plus.md shows what the limits were set by."""

    max_bits: int = 16
    """Bits of 256 in which the hashes of two copies of a frame may differ."""
    min_frames: int = 3
    """Frames that must match; all of them in a shorter video."""
    min_share: float = 0.3
    """Share of the shorter video's frames that must match."""
    evaluation_min_share: float = 0.1
    """The same where one of the two is an evaluation video: a short overlap is a leak already."""
    compared_frames: int = 8
    """Matching frames, spread over the video, whose pixels are compared."""
    max_difference: float = 6.0
    """Largest local difference of two copies of a frame, in grey levels; see `confirm.py`."""
    min_confirmed: float = 0.6
    """Share of the compared frames whose pixels must agree."""


@dataclass(frozen=True, slots=True)
class DuplicatePair:
    """Two videos that show the same frames."""

    first: VideoKey
    second: VideoKey
    share: float
    """Frames with a match, as a share of the shorter video."""
    confirmed: int
    """Compared frames whose pixels agree."""
    compared: int
    """Frames whose pixels were compared."""


@dataclass(frozen=True, slots=True)
class FrameMatch:
    """Which frames of two videos have nearly the same hash."""

    share: float
    """Matching frames as a share of the video with fewer frames."""
    pairs: tuple[tuple[int, int], ...]
    """Positions in the first and the second video, each first position once, ascending."""


def find_duplicates(
    videos: Sequence[VideoHashes],
    frames: Mapping[VideoKey, Sequence[Path]],
    *,
    config: DuplicateConfig,
    is_evaluation: Callable[[VideoKey], bool] = lambda key: False,
) -> list[DuplicatePair]:
    """Return the pairs of videos that show the same frames, each pair once, sorted.

    Videos of the same id are not compared: they are the same by their name already.

    Args:
        videos: Hashes of all videos, each under another key.
        frames: Frame files of each video, by position; read for the few pairs whose hashes agree.
        config: The limits.
        is_evaluation: Whether a key names an evaluation video: fewer shared frames suffice then,
            and two evaluation videos are not compared.

    Raises:
        DataError: If a frame cannot be read.
    """
    ordered = sorted(videos, key=lambda video: video.key)
    pairs = []
    progress = tqdm(
        candidate_pairs(ordered), desc="comparing look-alikes", unit="pair", disable=None
    )
    for i, j in progress:
        first, second = ordered[i], ordered[j]
        marked = is_evaluation(first.key) + is_evaluation(second.key)
        if marked == 2 or first.key.video_id == second.key.video_id:
            continue
        needed = config.evaluation_min_share if marked else config.min_share
        match = match_frames(first, second, max_bits=config.max_bits)
        shorter = min(len(first.positions), len(second.positions))
        if match.share >= needed and len(match.pairs) >= min(config.min_frames, shorter):
            pair = _confirm(first.key, second.key, match, frames, config)
            pairs += [pair] if pair.confirmed >= config.min_confirmed * pair.compared else []
    return pairs


def candidate_pairs(videos: Sequence[VideoHashes]) -> list[tuple[int, int]]:
    """Return the pairs of positions in `videos` that share a key, `i < j`, sorted.

    Every hash has four keys of 24 bits; videos are brought together by sorting the keys, so the
    time grows with the number of frames, not with the number of pairs of videos.

    Example:
        >>> row = np.arange(32, dtype=np.uint8)[None]
        >>> one = VideoHashes(VideoKey("a", "train", "1"), (0,), row)
        >>> two = VideoHashes(VideoKey("b", "train", "2"), (0,), row ^ np.uint8(128))
        >>> candidate_pairs([one, two, one])
        [(0, 1), (0, 2), (1, 2)]
    """
    owners = np.repeat(np.arange(len(videos)), [len(video.positions) for video in videos])
    if not owners.size:
        return []
    hashes = np.concatenate([video.hashes for video in videos])
    found: set[tuple[int, int]] = set()
    for keys in _keys(hashes):
        # One entry per key and video: neighbouring frames of a video mostly share their keys.
        entries = np.unique((keys.astype(np.int64) << 32) | owners)
        found.update(_pairs_within(entries >> 32, entries & 0xFFFFFFFF))
    return sorted(found)


def match_frames(first: VideoHashes, second: VideoHashes, *, max_bits: int) -> FrameMatch:
    """Return which frames of two videos match.

    The number of matching frames is that of the video with fewer of them: a still camera's sixty
    alike frames that all match one frame of the other video count as one.

    Args:
        first: One video, at least one hash.
        second: The other, at least one hash.
        max_bits: Bits in which the hashes of two copies may differ.
    """
    distance = hamming(first.hashes, second.hashes)
    close = distance <= max_bits
    rows, columns = np.flatnonzero(close.any(axis=1)), np.flatnonzero(close.any(axis=0))
    matched = min(len(rows), len(columns))
    best = distance.argmin(axis=1)
    pairs = [(first.positions[i], second.positions[best[i]]) for i in rows.tolist()]
    # Of several frames that match the same one, the closest stays.
    one_each: dict[int, tuple[int, tuple[int, int]]] = {}
    for i, pair in zip(rows.tolist(), pairs, strict=True):
        rank = (int(distance[i, best[i]]), pair)
        one_each[pair[1]] = min(rank, one_each.get(pair[1], rank))
    kept = tuple(sorted(pair for _, pair in one_each.values()))
    return FrameMatch(matched / min(distance.shape), kept)


def _keys(hashes: NDArray[np.uint8]) -> Iterator[NDArray[np.uint32]]:
    bits = np.unpackbits(hashes[:, : 1 + _KEYS * _KEY_BITS // 8], axis=1)
    weights = np.uint32(1) << np.arange(_KEY_BITS, dtype=np.uint32)
    for start in range(1, _KEYS + 1):  # bit 0 is the constant term, always 0
        chosen = bits[:, start : start + _KEYS * _KEY_BITS : _KEYS]
        yield (chosen * weights).sum(axis=1, dtype=np.uint32)


def _pairs_within(keys: NDArray[np.int64], owners: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Yield all pairs of owners with the same key; both arrays are sorted by key, then owner."""
    starts = np.flatnonzero(np.diff(keys, prepend=-1))
    ends = np.append(starts[1:], len(keys))
    for start, end in zip(starts[ends - starts > 1], ends[ends - starts > 1], strict=True):
        group = owners[start:end].tolist()
        for i, first in enumerate(group):
            for second in group[i + 1 :]:
                yield first, second


def _confirm(
    first: VideoKey,
    second: VideoKey,
    match: FrameMatch,
    frames: Mapping[VideoKey, Sequence[Path]],
    config: DuplicateConfig,
) -> DuplicatePair:
    count = min(config.compared_frames, len(match.pairs))
    chosen = np.linspace(0, len(match.pairs) - 1, count).round().astype(int)
    confirmed = 0
    for i, j in (match.pairs[k] for k in chosen):
        difference = picture_difference(thumbnail(frames[first][i]), thumbnail(frames[second][j]))
        confirmed += difference <= config.max_difference
    return DuplicatePair(first, second, match.share, confirmed, count)

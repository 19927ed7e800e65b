import itertools
from pathlib import Path

import numpy as np
import pytest

from pvuw.mose_plus.select.duplicates import (
    DuplicateConfig,
    candidate_pairs,
    find_duplicates,
    match_frames,
)
from pvuw.mose_plus.select.hashing import VideoHashes, hash_frames
from pvuw.sources.keys import VideoKey
from tests.pvuw.mose_plus.make import clip, texture, write_frames

SHARED = Path(__file__).parents[5] / "shared" / "data"
CONFIG = DuplicateConfig()


def key(video_id, source="mose"):
    return VideoKey(source, "train", video_id)


def compare(paths, config=CONFIG, **options):
    """Duplicates among videos given as lists of frame files by key."""
    hashes = [hash_frames(video, files) for video, files in paths.items()]
    return find_duplicates(hashes, paths, config=config, **options)


def names(pairs):
    return [(pair.first.video_id, pair.second.video_id) for pair in pairs]


@pytest.fixture
def original(tmp_path):
    frames, _ = clip(11)
    return frames, write_frames(tmp_path / "original", frames)


@pytest.mark.parametrize(("step", "quality", "size_hw"), [(1, 50, (120, 214)), (2, 70, (270, 480))])
def test_copy_at_another_size_compression_and_frame_rate_is_found(
    tmp_path, original, step, quality, size_hw
):
    frames, paths = original
    copy = write_frames(tmp_path / "copy", frames[::step], quality, size_hw)
    other = write_frames(tmp_path / "other", clip(12)[0])
    (pair,) = compare({key("a"): paths, key("copy", "ovis"): copy, key("other", "ovis"): other})
    assert (pair.first, pair.second) == (key("a"), key("copy", "ovis"))
    assert pair.share > 0.9
    assert pair.confirmed == pair.compared == CONFIG.compared_frames


def test_second_half_of_a_video_is_found(tmp_path, original):
    frames, paths = original
    part = write_frames(tmp_path / "part", frames[12:], 60)
    assert names(compare({key("a"): paths, key("part"): part})) == [("a", "part")]


@pytest.mark.parametrize("scene", [2, 3, 5])
def test_two_clips_of_one_still_camera_stay_apart(tmp_path, scene):
    """Same background to the last pixel, other objects: hashes agree, pixels do not."""
    background = texture(scene, (180, 320))
    paths = {}
    for name, seed in (("first", 10 * scene + 1), ("second", 10 * scene + 2)):
        frames, _ = clip(seed, background=background, radius=7)
        paths[key(name)] = write_frames(tmp_path / name, frames)
    assert compare(paths) == []
    # The hashes alone would merge them: it is the pixels that decide.
    assert names(compare(paths, DuplicateConfig(max_difference=1e9))) == [("first", "second")]


def test_static_frames_that_all_match_one_frame_count_once(tmp_path, original):
    frames, paths = original
    still = write_frames(tmp_path / "still", np.repeat(frames[:1], 20, axis=0), 60)
    hashes = [hash_frames(key(n), p) for n, p in (("a", paths), ("still", still))]
    match = match_frames(*hashes, max_bits=CONFIG.max_bits)
    assert len(match.pairs) <= 3
    assert compare({key("a"): paths, key("still"): still}) == []


def test_short_overlap_with_an_evaluation_video_is_a_leak_among_others_not(tmp_path, original):
    frames, paths = original
    mixed = np.concatenate([frames[:4], clip(13, num_frames=20)[0]])
    both = {key("a"): paths, key("mixed"): write_frames(tmp_path / "mixed", mixed, 70)}
    assert compare(both) == []
    leaks = compare(both, is_evaluation=lambda video: video.video_id == "a")
    assert names(leaks) == [("a", "mixed")]
    assert compare(both, is_evaluation=lambda video: True) == []


def test_same_id_is_not_compared(original):
    _, paths = original
    assert compare({key("a"): paths, key("a", "ovis"): paths}) == []


def test_black_frames_match_nothing(tmp_path):
    black = np.zeros((20, 90, 160, 3), np.uint8)
    paths = {}
    for name, seed in (("a", 1), ("b", 2)):
        frames = np.concatenate([black, clip(seed, num_frames=5, size_hw=(90, 160), radius=9)[0]])
        paths[key(name)] = write_frames(tmp_path / name, frames)
    assert compare(paths) == []


def test_candidates_are_all_pairs_with_a_common_key():
    rng = np.random.default_rng(1)
    base = rng.integers(0, 256, (30, 4, 32), dtype=np.uint8)
    base[7, 2] = base[21, 0]  # the same frame in two videos
    near = base[3, 1].copy()
    near[0] ^= 0b0100_0000  # one low-frequency bit differs: three of the four keys agree
    base[25, 3] = near
    videos = [VideoHashes(key(str(i)), (0, 1, 2, 3), rows) for i, rows in enumerate(base)]
    assert candidate_pairs(videos) == [(3, 25), (7, 21)]


def test_order_of_the_videos_does_not_matter(tmp_path, original):
    frames, paths = original
    items = [
        (key("a"), paths),
        (key("b"), write_frames(tmp_path / "b", frames[::2], 60)),
        (key("c"), write_frames(tmp_path / "c", clip(12)[0])),
    ]
    results = [compare(dict(order)) for order in itertools.permutations(items)]
    assert all(result == results[0] for result in results)
    assert names(results[0]) == [("a", "b")]


@pytest.mark.skipif(not SHARED.is_dir(), reason="real clips are not at hand")
def test_real_clips_are_told_apart_and_from_their_own_other_half():
    paths = {}
    for folder in ("mini_davis/JPEGImages/480p", "moselike_composite/JPEGImages"):
        for video in sorted((SHARED / folder).iterdir()):
            frames = sorted(video.glob("*.jpg"))
            half = len(frames) // 2
            paths[key(f"{video.name} 1")] = frames[: half - 2]
            paths[key(f"{video.name} 2")] = frames[half + 2 :]
    assert len(paths) == 10
    assert compare(paths) == []

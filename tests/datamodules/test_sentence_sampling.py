from types import SimpleNamespace

import numpy as np
import pytest

from datamodules.sentence_sampling import AnchorSampling, RandomSampling, frames_with_target
from pvuw.io.expressions import Expression
from pvuw.io.records import ObjectInfo


def video(num_frames, *meant, visible=None):
    """A record of which the strategies ask nothing but this; object 1 is visible in `visible`."""
    shown = range(num_frames) if visible is None else visible
    return SimpleNamespace(
        num_frames=num_frames,
        objects=(ObjectInfo(1, "1", None, sum(1 << t for t in shown)),),
        expressions=tuple(Expression(str(e), f"say {e}", ids) for e, ids in enumerate(meant)),
    )


def draws(sampling, record, *, number=0, num_frames=5, max_sentences=5, count=60):
    return [
        sampling.draw(
            np.random.default_rng(seed),
            record,
            number=number,
            num_frames=num_frames,
            max_sentences=max_sentences,
        )
        for seed in range(count)
    ]


def test_random_frames_are_sorted_and_repeat_only_where_a_video_is_short():
    record = video(40, *[(1,)] * 9)
    assert RandomSampling().clips_of(record) == 1
    found = draws(RandomSampling(), record)
    for positions, sentences in found:
        assert positions == sorted(set(positions))
        assert len(positions) == len(set(sentences)) == 5
    assert {t for positions, _ in found for t in positions} == set(range(40))
    assert {s for _, sentences in found for s in sentences} == set(range(9))
    for positions, sentences in draws(RandomSampling(), video(3, (1,), ()), count=5):
        assert sorted(set(positions)) == [0, 1, 2]
        assert len(positions) == 5
        assert sorted(sentences)[:2] == [0, 0]
        assert set(sentences) == {0, 1}
    assert RandomSampling().clips_of(video(3)) == 0


def test_anchors_have_neighbours_and_frames_far_away():
    sampling, record = AnchorSampling(step=20, reach=3), video(90, (1,), (1,))
    assert sampling.clips_of(record) == 2 * 5
    assert sampling.clips_of(video(20, (1,))) == 1
    seen = set()
    for positions, sentences in draws(sampling, record, number=7, num_frames=6):
        assert sentences == [1]
        assert positions == sorted(set(positions))
        assert len(positions) == 6
        place = positions.index(40)  # anchor 2 of sentence 1
        assert 1 <= 40 - positions[place - 1] <= 3
        assert 1 <= positions[place + 1] - 40 <= 3
        seen |= set(positions)
    assert min(seen) < 5
    assert max(seen) > 85
    for positions, _ in draws(sampling, video(4, (1,)), num_frames=6, count=9):
        assert positions == sorted(positions)
        assert (positions[0], len(positions)) == (0, 6)
    assert [p for p, _ in draws(sampling, record, num_frames=1, count=3)] == [[0]] * 3


def test_a_clip_shows_what_its_sentence_means_where_the_video_does():
    record = video(90, (1,), (), visible=[77])
    assert frames_with_target(record, 0) == [77]
    assert frames_with_target(record, 1) == []
    for number in (0, 1):
        for positions, _ in draws(AnchorSampling(), record, number=number, count=9):
            assert 77 in positions
    assert all(p[0] == 0 for p, _ in draws(AnchorSampling(), record, number=2, count=9))


def test_settings_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="at least 1, got 0 and 3"):
        AnchorSampling(step=0)

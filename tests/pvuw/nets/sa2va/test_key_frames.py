"""Index tables, worked by hand."""

import pytest

from pvuw.nets.sa2va.key_frames import CustomFrames, FirstFrames, IntervalFrames, UniformFrames

TABLE = [
    (FirstFrames(), 60, [0, 1, 2, 3, 4]),
    (FirstFrames(), 5, [0, 1, 2, 3, 4]),
    (FirstFrames(), 3, [0, 1, 2]),
    (FirstFrames(8), 1, [0]),
    # 59 / 4 = 14.75: 0, 14.75, 29.5, 44.25, 59
    (UniformFrames(), 60, [0, 14, 29, 44, 59]),
    # 7 / 3 = 2.33
    (UniformFrames(4), 8, [0, 2, 4, 7]),
    # 1.75: 0, 1.75, 3.5, 5.25, 7
    (UniformFrames(5), 8, [0, 1, 3, 5, 7]),
    # 0.5: 0, 0.5, 1, 1.5, 2 would be 0, 0, 1, 1, 2
    (UniformFrames(5), 3, [0, 1, 2]),
    (UniformFrames(5), 1, [0]),
    (UniformFrames(1), 60, [0]),
    (IntervalFrames(4, 5), 60, [0, 4, 8, 12, 16]),
    (IntervalFrames(4, 5), 17, [0, 4, 8, 12, 16]),
    (IntervalFrames(4, 5), 16, [0, 4, 8, 12, 15]),
    (IntervalFrames(4, 5), 6, [0, 4, 5]),
    (IntervalFrames(3, 3, start=2), 60, [2, 5, 8]),
    (IntervalFrames(3, 3, start=2), 2, [1]),
    (CustomFrames([9, 2, 2]), 60, [2, 9]),
    (CustomFrames([9, 2]), 4, [2, 3]),
]


@pytest.mark.parametrize(("policy", "num_frames", "expected"), TABLE)
def test_positions(policy, num_frames, expected):
    assert policy.positions(num_frames) == expected


@pytest.mark.parametrize(
    ("build", "line"),
    [
        (lambda: FirstFrames(0), "key_frames.count must be at least 1, got 0"),
        (lambda: IntervalFrames(0), "key_frames.interval must be at least 1, got 0"),
        (lambda: IntervalFrames(start=-1), "key_frames.start must be at least 0, got -1"),
        (lambda: CustomFrames([]), "must name positions of at least 0"),
        (lambda: CustomFrames([-1]), "must name positions of at least 0"),
    ],
)
def test_what_makes_no_sense_is_refused(build, line):
    with pytest.raises(ValueError, match=line):
        build()

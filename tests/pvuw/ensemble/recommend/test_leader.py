"""When one member is followed whatever the video, and when not."""

import numpy as np
import pytest

from pvuw.ensemble.recommend.leader import MIN_VIDEOS, find_leader
from tests.pvuw.ensemble.rows import features, row

NAMES = ("best", "other", "third")


def recorded(lead, *, count=40, swing=0.0, seed=0):
    """`best` is ahead by `lead`; `swing` makes `other` better where objects are small."""
    rng, rows = np.random.default_rng(seed), []
    for number in range(count):
        small = float(number % 2)
        seen = {
            "features": features(small=small, texture=rng.random()),
            "video_id": f"v{number:03}",
            "consensus": 0.7,
        }
        hard = rng.normal(0, 0.1)
        for name in NAMES:
            mean = 0.5 + hard + (lead if name == "best" else 0.0) + rng.normal(0, 0.03)
            mean += swing * (1 if small else -1) * (name == "other")
            rows.append(row(name, jf=float(np.clip(mean, 0, 1)), agreement=rng.random(), **seen))
    return rows


def test_a_member_far_ahead_on_every_kind_of_video_leads():
    leader = find_leader(recorded(0.2), NAMES)
    assert leader is not None
    assert leader.member == "best"
    assert leader.ahead == pytest.approx(0.2, abs=0.03)
    assert leader.gain <= leader.gain_error
    assert leader.num_videos == 40
    said = leader.recommendation
    assert said.estimates[0].member == "best"
    assert said.expected == pytest.approx(0.7, abs=0.06)
    assert "J&F ahead of every other member on 40 recorded videos" in said.reason


@pytest.mark.parametrize("seed", range(3))
def test_equal_members_have_no_leader(seed):
    assert find_leader(recorded(0.0, seed=seed), NAMES) is None


def test_nobody_leads_where_choosing_pays():
    """Ahead on average, but the record knows where another one is better."""
    rows = recorded(0.15, swing=0.35)
    assert find_leader(recorded(0.15), NAMES) is not None
    means = {n: np.mean([r.jf for r in rows if r.member == n]) for n in NAMES}
    assert means["best"] > means["other"] + 0.05
    assert find_leader(rows, NAMES) is None


def test_what_is_not_known_makes_no_leader():
    rows = recorded(0.2)
    assert find_leader([], NAMES) is None
    assert find_leader(recorded(0.2, count=MIN_VIDEOS - 1), NAMES) is None
    assert find_leader(recorded(0.2, count=MIN_VIDEOS), NAMES) is not None
    # Somebody of whom nothing is recorded may be better still.
    assert find_leader(rows, (*NAMES, "new")) is None
    assert find_leader(rows, ("best",)) is None


def test_members_that_are_not_asked_for_do_not_count():
    rows = [*recorded(0.2), *(row("ace", f"v{n:03}", jf=1.0) for n in range(40))]
    leader = find_leader(rows, NAMES)
    assert leader is not None
    assert leader.member == "best"


def test_videos_count_once_however_many_objects_they_have():
    """`best` is far ahead in one video of 60 objects and a little behind in the others."""
    rng = np.random.default_rng(0)
    rows = []
    for number in range(20):
        for part in range(1, 61 if number == 0 else 2):
            for name in NAMES:
                gain = 0.0 if name != "best" else 0.5 if number == 0 else -0.02
                jf = 0.45 + gain + rng.normal(0, 0.005)
                rows.append(row(name, f"v{number}", jf=jf, level="object", part=part))
    assert np.mean([r.jf for r in rows if r.member == "best"]) > 0.7
    assert find_leader(rows, NAMES) is None

import numpy as np
import pytest

from pvuw.ensemble.recommend.recommender import (
    MIN_ROWS,
    Estimate,
    Hysteresis,
    Recommendation,
    Recommender,
)
from tests.pvuw.ensemble.rows import features, row

RNG = np.random.default_rng(0)


def known_rows(count=60):
    """`good_small` scores 0.9 where objects are small and 0.5 elsewhere, `other` 0.7 always."""
    rows = []
    for number in range(count):
        small = float(number % 2)
        seen = {
            "features": features(small=small, texture=RNG.random()),
            "video_id": f"v{number}",
            "agreement": RNG.uniform(0.6, 0.9),
            "consensus": 0.75,
        }
        rows.append(row("good_small", jf=0.5 + 0.4 * small + RNG.normal(0, 0.02), **seen))
        rows.append(row("other", jf=0.7 + RNG.normal(0, 0.02), **seen))
    return rows


@pytest.mark.parametrize(("small", "member"), [(1.0, "good_small"), (0.0, "other")])
@pytest.mark.parametrize("agreement", [0.75, None])
def test_features_decide(small, member, agreement):
    agreements = {"good_small": agreement, "other": agreement}
    chosen = Recommender(known_rows()).recommend(features(small=small, texture=0.5), agreements)
    assert chosen.member == member
    assert chosen.expected == pytest.approx(0.9 if small else 0.7, abs=0.03)
    assert [e.expected for e in chosen.estimates] == sorted(
        (e.expected for e in chosen.estimates), reverse=True
    )


def test_the_reason_says_numbers_rows_and_the_feature():
    chosen = Recommender(known_rows()).recommend(
        features(small=1.0, texture=0.5), {"good_small": 0.8, "other": 0.8}
    )
    assert chosen.reason.startswith("good_small: J&F 0.9")
    assert "more than other; from 60 recorded rows; agrees with the pseudo-label by 0.80" in (
        chosen.reason
    )
    assert "most for it and against other: small (+0." in chosen.reason


def test_uncertainty_is_honest():
    """About 68 % of unseen videos lie within one standard deviation, 95 % within two."""
    rng = np.random.default_rng(1)

    def draw(number):
        clutter, occlusion = rng.random(2)
        truth = 0.3 + 0.3 * clutter + 0.2 * occlusion + rng.normal(0, 0.06)
        seen = features(clutter=clutter, occlusion=occlusion, small=rng.random())
        return row(jf=float(np.clip(truth, 0, 1)), video_id=f"v{number}", features=seen)

    off = []
    for _ in range(12):
        recommender = Recommender([draw(n) for n in range(40)])
        for unseen in (draw(n) for n in range(60)):
            estimate = recommender.estimate("sam2", unseen.features)
            off.append(abs(unseen.jf - estimate.expected) / estimate.uncertainty)
    assert np.mean(np.array(off) < 1) == pytest.approx(0.68, abs=0.05)
    assert np.mean(np.array(off) < 2) == pytest.approx(0.95, abs=0.03)


def test_what_was_never_seen_is_less_certain():
    rows = [
        row(video_id=f"v{n}", jf=0.5 + n / 100, features=features(size=n / 40)) for n in range(40)
    ]
    recommender = Recommender(rows)
    near, far = (recommender.estimate("sam2", features(size=size)) for size in (0.5, 8.0))
    assert far.uncertainty > 2 * near.uncertainty
    assert 0 <= far.expected <= 1


@pytest.mark.parametrize("count", [0, MIN_ROWS - 1])
def test_few_rows_fall_back_on_published_figures_and_say_so(count):
    rows = [row("xmem", f"v{n}", jf=0.95) for n in range(count)]
    chosen = Recommender(rows).recommend(features(), {"xmem": 0.9, "sam2": 0.5})
    assert chosen.member == "sam2"
    assert chosen.expected == 0.737
    assert "published figure, as only 0 rows are recorded (README of SAM 2" in chosen.reason
    assert chosen.estimates[1].expected == 0.596
    assert f"as only {count} rows" in chosen.estimates[1].basis


def test_unpublished_members_are_uncertain():
    estimate = Recommender([]).estimate("tmo", features())
    assert (estimate.expected, estimate.uncertainty) == (0.6, 0.3)
    assert "no published figure" in estimate.basis


def test_recorded_rows_overrule_published_figures():
    rows = [row("xmem", f"v{n}", jf=0.9, features=features(size=n / 20)) for n in range(20)]
    chosen = Recommender(rows).recommend(features(size=0.5), {"sam2": None, "xmem": None})
    assert chosen.member == "xmem"
    assert chosen.expected == pytest.approx(0.9, abs=0.02)


def test_unknown_features_do_not_spoil_the_others():
    rows = known_rows()
    recommender = Recommender(rows)
    unknown = features(small=1.0, texture=float("nan"))
    estimate = recommender.estimate("good_small", unknown, agreement=0.75, consensus=0.75)
    assert estimate.expected == pytest.approx(0.9, abs=0.03)


def test_vote_weights_follow_certainty():
    rows = known_rows()
    chosen = Recommender(rows).recommend(features(small=1.0), {"good_small": 0.8, "other": 0.8})
    weights = chosen.vote_weights()
    assert sum(weights.values()) == pytest.approx(1)
    assert weights["good_small"] > 0.95
    unsure = Recommender([]).recommend(None, {"sam2": None, "cutie": None})
    assert 0.5 < unsure.vote_weights()["sam2"] < 0.6


def test_of_equals_the_first_is_taken():
    assert Recommender([]).recommend(None, {"b": None, "a": None}).member == "b"


def test_no_member_and_mixed_rows_are_refused():
    with pytest.raises(ValueError, match="no member"):
        Recommender([]).recommend(None, {})
    with pytest.raises(ValueError, match="one level and one protocol"):
        Recommender([row(), row(level="object")])


def test_hysteresis_rides_out_flicker_and_follows_a_lasting_change():
    rows = known_rows()
    recommender, keep = Recommender(rows), Hysteresis(margin=0.03, patience=3)
    members = {"good_small": 0.75, "other": 0.75}
    smalls = [0, 1, 0, 1, 0, 1, 1, 1, 1, 0]
    kept = [keep.step(recommender.recommend(features(small=s), members)) for s in smalls]
    assert [one.member == "good_small" for one in kept] == [False] * 7 + [True] * 3
    assert kept[1].reason.startswith("other is kept to: good_small is expected to be better by 0.")
    assert kept[1].expected == pytest.approx(0.7, abs=0.03)


def test_hysteresis_needs_patience():
    with pytest.raises(ValueError, match="at least 1, got 0"):
        Hysteresis(patience=0)


def stated(gain):
    """What a recommender says that finds `b` better than `a` by a gain, or worse."""
    a, b = Estimate("a", 0.5, 0.1, 20, "", {}), Estimate("b", 0.5 + gain, 0.1, 20, "", {})
    ranked = tuple(sorted((a, b), key=lambda one: -one.expected))
    return Recommendation(ranked[0].member, ranked[0].expected, 0.1, "", ranked)


def test_hysteresis_counts_frames_in_a_row():
    """A lead that falls below the margin, though it is still one, begins anew."""
    keep = Hysteresis(margin=0.03, patience=3)
    gains = [-0.1, 0.05, 0.05, 0.01, 0.05, 0.05, 0.05, 0.05]
    kept = [keep.step(stated(gain)).member for gain in gains]
    assert kept == ["a"] * 6 + ["b"] * 2


def two_members(shared, own, count=80):
    """Rows of two members whose errors are shared and their own, by so much."""
    rng = np.random.default_rng(3)
    rows = []
    for number in range(count):
        hard, size = rng.normal(0, shared), rng.random()
        for member, mean in (("first", 0.65), ("second", 0.6)):
            jf = float(np.clip(mean + hard + rng.normal(0, own), 0, 1))
            rows.append(row(member, f"v{number}", jf=jf, features=features(size=size)))
    return rows


def test_what_errors_share_does_not_blur_the_choice():
    """A video that is hard for both says nothing about which of the two is better."""
    unsure, sure = Recommender(two_members(0.02, 0.1)), Recommender(two_members(0.1, 0.02))
    agreements = {"first": None, "second": None}
    apart, together = (r.recommend(features(size=0.5), agreements) for r in (unsure, sure))
    assert apart.shared_error < 0.3
    assert together.shared_error > 0.8
    assert together.uncertainty == pytest.approx(apart.uncertainty, rel=0.3)
    assert together.vote_weights()["first"] > apart.vote_weights()["first"] + 0.1


def test_consensus_is_the_mean_agreement():
    rng = np.random.default_rng(4)
    rows = []
    for number in range(40):
        seen = {"features": features(), "agreement": 0.7, "consensus": rng.uniform(0.3, 1)}
        jf = seen["consensus"] - 0.1
        rows += [row(member, f"v{number}", jf=jf, **seen) for member in ("first", "second")]
    chosen = Recommender(rows).recommend(features(), {"first": 0.9, "second": 0.5})
    for estimate in chosen.estimates:
        assert estimate.expected == pytest.approx(0.6, abs=0.05)  # 0.8 by the higher of the two


def test_disagreement_may_mean_one_thing_here_and_another_there():
    """Where objects are small the one that differs is right, elsewhere it is wrong."""
    rng = np.random.default_rng(5)
    rows = []
    for number in range(120):
        small, agreement = float(number % 2), rng.uniform(0.2, 1.0)
        jf = 0.6 + (0.3 if small else -0.3) * (1 - agreement) + rng.normal(0, 0.01)
        seen = {"features": features(small=small), "agreement": agreement, "consensus": 0.6}
        rows.append(row("one", f"v{number}", jf=float(jf), **seen))
    recommender = Recommender(rows)
    for small, expected in ((1.0, 0.81), (0.0, 0.39)):
        found = recommender.estimate("one", features(small=small), agreement=0.3, consensus=0.6)
        assert found.expected == pytest.approx(expected, abs=0.04)

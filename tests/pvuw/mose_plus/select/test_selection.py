import random
from pathlib import Path

import pytest

from pvuw.errors import DataError
from pvuw.mose_plus.config import MosePlusConfig, SelectionConfig, SourceConfig, TraitWeight
from pvuw.mose_plus.jobs import BrokenVideo
from pvuw.mose_plus.select.selection import borrow_labels, select
from pvuw.sources.keys import VideoKey
from tests.pvuw.mose_plus.make import traits

MEDIAN = TraitWeight(weight=1.0, typical=(0.5, 0.5))


def config(ovis=None, burst=None, **selection):
    return MosePlusConfig(
        sources=(
            SourceConfig(source="mose", root=Path(), reference=True),
            SourceConfig(source="ovis", root=Path(), **(ovis or {})),
            SourceConfig(source="burst", root=Path(), **(burst or {})),
        ),
        selection=SelectionConfig(
            **{"weights": {"objects_per_frame": MEDIAN}, "min_reference": 5} | selection
        ),
    )


# 3 objects a frame in the median, a spread of 2 / 1.349.
MOSE = [traits(f"m{i}", objects_per_frame=float(i + 1)) for i in range(5)]


def others(source, **objects):
    return [traits(name, source=source, objects_per_frame=float(n)) for name, n in objects.items()]


def run(candidates, settings, **more):
    chosen = {"duplicates": (), "evaluation": ()} | more
    return select([*MOSE, *candidates], MOSE, settings, **chosen)


def admitted(decisions):
    return [d.video_id for d in decisions if d.admitted and d.source != "mose"]


def reason(decisions, video_id):
    return next(d.reason for d in decisions if d.video_id == video_id)


def test_every_candidate_gets_one_decision_in_the_order_of_the_sources():
    candidates = [*others("burst", z=3, a=3), *others("ovis", k=3)]
    decisions = run(candidates, config())
    assert [str(d.key) for d in decisions] == [
        *(f"mose/train/m{i}" for i in range(5)),
        "ovis/train/k",
        "burst/train/a",
        "burst/train/z",
    ]
    assert all(d.reason for d in decisions)


def test_reference_is_taken_whole_whatever_its_distance():
    decisions = run([], config(max_distance=0.1, max_videos=0))
    assert all(d.admitted for d in decisions)
    assert decisions[0].reason == "reference source, taken whole"
    assert decisions[0].distance == pytest.approx(2 / (2 / 1.349))


def test_nearest_first_within_each_quota():
    candidates = [*others("ovis", a=6, b=3, c=4), *others("burst", d=9, e=5)]
    decisions = run(candidates, config(ovis={"quota": 2}, burst={"quota": 1}, max_distance=None))
    assert admitted(decisions) == ["b", "c", "e"]
    assert reason(decisions, "a").startswith("quota of 2 videos from ovis train is full; distance")
    assert "rank 4 of 5" in reason(decisions, "a")


def test_a_full_source_leaves_room_for_the_next():
    candidates = [*others("ovis", a=3, b=3), *others("burst", c=5)]
    decisions = run(candidates, config(ovis={"quota": 1}, max_videos=2))
    assert admitted(decisions) == ["a", "c"]


def test_limit_of_all_videos():
    candidates = [*others("ovis", a=4, b=3), *others("burst", c=3)]
    decisions = run(candidates, config(max_videos=2))
    assert admitted(decisions) == ["b", "c"]
    assert reason(decisions, "a").startswith("limit of 2 videos in all is reached")


def test_too_unlike_says_in_what():
    decisions = run(others("ovis", a=12), config(max_distance=1.5))
    assert admitted(decisions) == []
    assert reason(decisions, "a") == (
        "too unlike the reference, at most 1.50 away wanted; distance 4.00, rank 1 of 1; "
        "differs most in objects per frame: 12, typical 3..3"
    )


def test_ties_go_by_source_then_id():
    candidates = [*others("burst", a=3), *others("ovis", y=3, x=3)]
    assert admitted(run(candidates, config(max_videos=2))) == ["x", "y"]


def test_order_of_the_candidates_does_not_matter():
    rng = random.Random(0)
    candidates = [
        *(traits(f"o{i}", source="ovis", objects_per_frame=rng.random() * 6) for i in range(30)),
        *(traits(f"o{i}", source="burst", objects_per_frame=rng.random() * 6) for i in range(40)),
    ]
    settings = config(ovis={"quota": 12}, max_videos=20)
    expected = run(candidates, settings)
    assert len(admitted(expected)) == 20
    for _ in range(3):
        rng.shuffle(candidates)
        assert run(candidates, settings) == expected


def test_broken_videos_are_decided_too():
    broken = [BrokenVideo(VideoKey("ovis", "train", "bad"), "x.png: damaged; copy it again")]
    decisions = run([], config(), broken=broken)
    assert reason(decisions, "bad") == "x.png: damaged; copy it again"
    assert decisions[-1].traits is None


def test_refused_reference_videos_do_not_shape_the_distribution():
    wild = [traits(f"w{i}", objects_per_frame=90.0, num_frames=1) for i in range(20)]
    decisions = select(
        [*MOSE, *wild, *others("ovis", a=3)],
        [*MOSE, *wild],
        config(),
        duplicates=(),
        evaluation=(),
    )
    assert next(d for d in decisions if d.video_id == "a").distance == 0
    assert reason(decisions, "w0").startswith("too short")


def test_video_that_cannot_be_compared():
    lone = traits("a", source="ovis", similarity=None)
    weights = {"similarity": MEDIAN}
    mose = [traits(f"m{i}", similarity=0.5 + i / 10) for i in range(5)]
    decisions = select([*mose, lone], mose, config(weights=weights), duplicates=(), evaluation=())
    assert reason(decisions, "a").startswith("too few of its traits")
    assert decisions[-1].distance is None


def test_unknown_source_is_an_error():
    with pytest.raises(DataError, match="no entry for lvos train"):
        run([traits("a", source="lvos")], config())


def test_mose_borrows_the_labels_of_its_ovis_half():
    ovis = [traits("m1", source="ovis", occlusion_label=0.4), traits("z", source="ovis")]
    labelled = borrow_labels([traits("m1"), traits("m2")], ovis)
    assert [video.occlusion_label for video in labelled] == [0.4, None]
    assert [video.source for video in labelled] == ["mose", "mose"]

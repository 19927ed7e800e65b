from pathlib import Path

from pvuw.mose_plus.config import MosePlusConfig, SourceConfig
from pvuw.mose_plus.select.duplicates import DuplicatePair
from pvuw.mose_plus.select.evaluation import EvaluationVideo
from pvuw.mose_plus.select.refusals import (
    FrameLinks,
    refuse_below_limits,
    refuse_copies,
    refuse_evaluation,
)
from pvuw.sources.keys import VideoKey
from tests.pvuw.mose_plus.make import traits


def key(source, video_id):
    return VideoKey(source, "train", video_id)


def linked(*pairs):
    return FrameLinks([DuplicatePair(first, second, 0.8, 7, 8) for first, second in pairs])


def reasons(decisions):
    return {str(name): decision.reason for name, decision in decisions.items()}


def test_listed_id_is_refused_in_whatever_source():
    videos = [traits("abc", source="ovis"), traits("xyz", source="ovis")]
    refused = refuse_evaluation(videos, [EvaluationVideo("MOSE/valid", "abc")], linked())
    assert reasons(refused) == {"ovis/train/abc": "evaluation video: its id is in MOSE/valid"}
    assert not refused[key("ovis", "abc")].admitted


def test_frames_of_an_evaluation_video_under_another_id():
    leak = EvaluationVideo("MOSE/valid", "abc")
    refused = refuse_evaluation(
        [traits("other", source="burst")], [leak], linked((leak.key, key("burst", "other")))
    )
    assert reasons(refused) == {
        "burst/train/other": "same as evaluation video abc of MOSE/valid: 80% of the frames match, "
        "pixels agree in 7 of 8 compared"
    }
    assert refused[key("burst", "other")].duplicate_of == leak.key


def test_a_copy_of_a_copy_is_refused_too():
    """Listed by name only; its twin in OVIS under another id, and that one's namesake."""
    videos = [
        traits("dog", source="davis_2017"),
        traits("d06", source="ovis"),
        traits("d06", source="mose"),
        traits("cat", source="mose"),
    ]
    refused = refuse_evaluation(
        videos,
        [EvaluationVideo("davis_2017_val", "dog")],
        linked((key("davis_2017", "dog"), key("ovis", "d06"))),
    )
    assert set(reasons(refused)) == {"davis_2017/train/dog", "ovis/train/d06", "mose/train/d06"}
    assert refused[key("mose", "d06")].reason == (
        "same as ovis/train/d06, which is refused as an evaluation video: same id"
    )


def test_of_two_copies_the_first_stays():
    videos = [traits("a"), traits("b"), traits("a", source="ovis"), traits("c", source="ovis")]
    refused = refuse_copies(videos, linked((key("mose", "b"), key("ovis", "c"))))
    assert reasons(refused) == {
        "ovis/train/a": "duplicate of mose/train/a: same id",
        "ovis/train/c": "duplicate of mose/train/b: 80% of the frames match, pixels agree in 7 of "
        "8 compared",
    }
    assert refused[key("ovis", "c")].duplicate_of == key("mose", "b")


def test_two_halves_of_a_refused_copy_are_no_copies_of_each_other():
    links = linked((key("mose", "1"), key("mose", "2")), (key("mose", "2"), key("mose", "3")))
    videos = [traits("1"), traits("2"), traits("3")]
    assert set(reasons(refuse_copies(videos, links))) == {"mose/train/2"}


def test_limits_of_a_source():
    limits = {"min_frames": 10, "min_objects": 2, "min_mask_score": 0.7}
    config = MosePlusConfig(
        sources=(
            SourceConfig(source="mose", root=Path(), reference=True),
            SourceConfig(source="burst", root=Path(), **limits),
        )
    )
    burst = [
        traits("good", source="burst", mask_score=0.7),
        traits("unrated", source="burst"),
        traits("short", source="burst", num_frames=9),
        traits("alone", source="burst", num_objects=1),
        traits("unsure", source="burst", mask_score=0.6),
    ]
    refused = refuse_below_limits([traits("m", num_frames=2, num_objects=1), *burst], config)
    assert reasons(refused) == {
        "burst/train/short": "too short: 9 annotated frames, at least 10 wanted",
        "burst/train/alone": "too few objects: 1 ever visible, at least 2 wanted",
        "burst/train/unsure": "unsure masks: mean score 0.60, at least 0.70 wanted",
    }

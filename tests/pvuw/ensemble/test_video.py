import json

import numpy as np
import pytest
from PIL import Image

from pvuw.ensemble.members.folders import Member
from pvuw.ensemble.members.output import claim_folder
from pvuw.ensemble.recommend.database import PerformanceDatabase
from pvuw.ensemble.video import AnswerTask, EnsembleConfig, run_video
from pvuw.io.masks import read_id_map
from tests.pvuw.ensemble.rows import features, row
from tests.pvuw.ensemble.scenes_of_squares import iou, shifted, swapped, video, without, write


@pytest.fixture
def members(tmp_path):
    """Two that agree with each other and have lost object 9, and one that has it."""
    folders = {
        "lost": without(video(), 9, 1),
        "lost_too": shifted(without(video(), 9, 1), 1),
        "kept": shifted(video(), 2),
    }
    return tuple(
        Member.find(write(tmp_path / name, "v", maps), name=name) for name, maps in folders.items()
    )


@pytest.fixture
def database(tmp_path):
    """`kept` did well on twenty videos but where objects came back, the others there only."""
    path = tmp_path / "performance.db"
    scores = {"lost": (0.3, 0.95), "lost_too": (0.35, 0.9), "kept": (0.9, 0.3)}
    rows = [
        row(
            member,
            f"w{number}",
            jf=jf[number % 2],
            level=level,
            part=part,
            agreement=0.5,
            features=features(returned=float(number % 2)),
        )
        for member, jf in scores.items()
        for number in range(20)
        for level, part in (("video", 0), ("object", 9))
    ]
    with PerformanceDatabase(path) as opened:
        opened.record(rows)
    return path


def run(tmp_path, members, method, **more):
    out = tmp_path / "out"
    claim_folder(out, {})
    report = run_video(AnswerTask(EnsembleConfig(method, members, **more), out, "v"))
    if report.failure is not None:
        return report, None, None
    masks = [read_id_map(path) for path in sorted((out / "Annotations" / "v").iterdir())]
    head = json.loads((out / "agreement" / "v.jsonl").read_text().splitlines()[0])
    return report, np.stack(masks), head


def test_what_was_recorded_overrules_agreement(tmp_path, members, database):
    _, agreed, head = run(tmp_path, members, "select")
    assert head["selection"][0]["member"] in ("lost", "lost_too")
    assert iou(agreed, video(), 9) < 0.1
    _, learnt, head = run(tmp_path, members, "select", database=database)
    assert head["selection"][0]["member"] == "kept"
    assert "20 recorded rows" in head["selection"][0]["reason"]
    assert np.array_equal(learnt, shifted(video(), 2))


def test_fusion_votes_by_what_was_recorded(tmp_path, members, database):
    _, plain, _ = run(tmp_path, members, "fuse")
    assert iou(plain, video(), 9) < 0.1
    _, learnt, _ = run(tmp_path, members, "fuse", database=database)
    assert iou(learnt, video(), 9) > 0.6


@pytest.mark.parametrize("method", ["fuse", "select"])
def test_a_leader_is_followed_and_its_ids_are_left_alone(tmp_path, method):
    """The others say together that it exchanged ids, and are not believed."""
    led = swapped(video(), 6, 15)
    folders = {"leads": led, "a": video(), "b": shifted(video(), 1)}
    members = tuple(
        Member.find(write(tmp_path / name, "v", maps), name=name) for name, maps in folders.items()
    )
    _, together, head = run(tmp_path, members, method)
    assert [one["member"] for one in head["swaps"]] == ["leads"]
    path = tmp_path / "performance.db"
    levels = (("video", 0), ("object", 3), ("object", 9))
    with PerformanceDatabase(path) as opened:
        opened.record(
            [
                row(
                    name,
                    f"w{n}",
                    jf=(0.8 if name == "leads" else 0.5) + n / 100,
                    level=at,
                    part=part,
                )
                for name in folders
                for n in range(16)
                for at, part in levels
            ]
        )
    _, answer, head = run(tmp_path, members, method, database=path)
    np.testing.assert_array_equal(answer, led)
    assert (together != led).any()
    assert "leads" not in [one["member"] for one in head["swaps"]]
    (said,) = head["selection"]
    assert said["member"] == "leads"
    assert said["reason"].startswith("leads: 0.300 J&F ahead of every other member on 16 recorded")


def test_another_database_makes_the_answer_again(tmp_path, members, database):
    run(tmp_path, members, "select", database=database)
    assert run(tmp_path, members, "select", database=database)[0].skipped
    with PerformanceDatabase(database) as opened:
        opened.record([row("kept", "w99", jf=0.1)])
    assert not run(tmp_path, members, "select", database=database)[0].skipped


def test_other_frames_make_the_answer_again_where_they_are_looked_at(tmp_path, members, database):
    """What a database says is looked up by what the frames show."""
    frames = [tmp_path / "images" / "v" / f"{path.stem}.png" for path in masks_of(members[0])]
    frames[0].parent.mkdir(parents=True)
    for path in frames:
        Image.new("RGB", video().shape[:0:-1], (9, 9, 9)).save(path)
    given = {"database": database, "images": tmp_path / "images"}
    run(tmp_path, members, "select", **given)
    assert run(tmp_path, members, "select", **given)[0].skipped
    Image.new("RGB", video().shape[:0:-1], (200, 9, 9)).save(frames[1])
    assert not run(tmp_path, members, "select", **given)[0].skipped


def masks_of(member):
    return sorted((member.masks / "v").glob("*.png"))


def test_a_database_of_others_is_refused(tmp_path, members):
    path = tmp_path / "others.db"
    with PerformanceDatabase(path) as opened:
        opened.record([row("stranger", "w")])
    report, *_ = run(tmp_path, members, "select", database=path)
    assert "no video scores by mose of lost or another member" in report.failure
    report, *_ = run(tmp_path, members, "select", database=tmp_path / "none.db")
    assert "none.db: no such file; fill it with pvuw ensemble record" in report.failure

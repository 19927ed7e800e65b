"""`pvuw ensemble record` and `stats`, and what choosing by them gives."""

import json

import numpy as np
import pytest
from PIL import Image

from pvuw.cli import main
from pvuw.ensemble.recommend.database import PerformanceDatabase
from tests.pvuw.ensemble import scenes_of_squares as squares
from tests.pvuw.ensemble.scenes_of_squares import SIZE_HW, shifted, swapped, without, write

VIDEOS = [f"v{number:02d}" for number in range(12)]
NUM_FRAMES = 10


def video():
    return squares.video()[:NUM_FRAMES]


@pytest.fixture
def folders(tmp_path):
    """Truth, frames and two members of twelve videos: `good` is off by a pixel, `bad` by six."""
    picture = np.random.default_rng(0).integers(0, 255, (*SIZE_HW, 3), dtype=np.uint8)
    for video_id in VIDEOS:
        write(tmp_path / "gt", video_id, video())
        write(tmp_path / "good" / "Annotations", video_id, shifted(video(), 1))
        write(tmp_path / "bad", video_id, shifted(video(), 6))
        (tmp_path / "JPEGImages" / video_id).mkdir(parents=True)
        for t in range(NUM_FRAMES):
            Image.fromarray(picture).save(tmp_path / "JPEGImages" / video_id / f"{t:05d}.jpg")
    return tmp_path


def record(folders, *more, members=("good", "bad")):
    preds = [f"{name}={folders / name}" for name in members]
    argv = ["ensemble", "record", "--database", str(folders / "p.db"), "--gt", str(folders / "gt")]
    return main([*argv, "--pred", *preds, "--workers", "1", *map(str, more)])


def rows(folders):
    with PerformanceDatabase(folders / "p.db") as database:
        return {(r.member, r.video_id, r.level, r.part): r for r in database.rows()}


def test_record_then_stats_then_choose(folders, capsys):
    assert record(folders, "--images", folders / "JPEGImages") == 0
    assert "96 rows by mose, 0 videos failed" in capsys.readouterr().out
    found = rows(folders)
    good, bad = (found[name, "v03", "video", 0] for name in ("good", "bad"))
    assert good.jf > bad.jf + 0.2
    assert good.features.texture > 0.05
    assert good.agreement is not None
    assert main(["ensemble", "stats", "--database", str(folders / "p.db")]) == 0
    shown = capsys.readouterr().out
    assert "96 rows by mose: video 24, object 48, frame 24" in shown
    assert f"{good.jf:.3f} (12)" in shown
    argv = ["--pred", f"bad={folders / 'bad'}", f"good={folders / 'good'}", "--workers", "1"]
    argv += ["--images", str(folders / "JPEGImages"), "--database", str(folders / "p.db")]
    assert main(["ensemble", "select", *argv, "--out", str(folders / "chosen")]) == 0
    header = json.loads((folders / "chosen/agreement/v00.jsonl").read_text().splitlines()[0])
    assert header["selection"][0]["member"] == "good"
    assert "from 12 recorded rows" in header["selection"][0]["reason"]


def test_a_swapped_member_is_scored_as_it_will_be_used(folders):
    write(folders / "swapper", "v00", swapped(video(), 4, NUM_FRAMES - 1))
    assert record(folders, members=("good", "bad", "swapper")) == 0
    assert rows(folders)["swapper", "v00", "video", 0].jf == 1


def test_scores_of_evaluate_with_a_label(folders):
    argv = ["evaluate", "--gt", str(folders / "gt"), "--pred", str(folders / "bad")]
    argv += ["--protocol", "mose", "--workers", "1", "--csv", str(folders / "s.csv")]
    assert main(argv) == 0
    assert record(folders) == 0
    from_masks = rows(folders)["bad", "v03", "object", 9]
    argv = ["ensemble", "record", "--database", str(folders / "q.db"), "--label"]
    argv += [str(folders / "gt"), "--scores", f"bad={folders / 's.csv'}"]
    assert main(argv) == 0
    with PerformanceDatabase(folders / "q.db") as database:
        found = {(r.video_id, r.level, r.part): r for r in database.rows()}
    assert len(found) == 12 * 3
    one = found["v03", "object", 9]
    assert (one.j, one.f, one.num_frames) == (from_masks.j, from_masks.f, from_masks.num_frames)
    assert one.agreement is None
    assert one.features.size > 0


def test_a_given_label_is_what_agreement_is_with(folders):
    write(folders / "label", "v00", without(video(), 9, 5))
    for video_id in VIDEOS[1:]:
        write(folders / "label", video_id, video())
    assert record(folders, "--label", folders / "label", members=("good",)) == 0
    found = rows(folders)
    assert found["good", "v00", "object", 9].agreement < 0.7
    assert found["good", "v01", "object", 9].agreement > 0.75


def test_a_broken_video_is_told_and_the_others_are_recorded(folders, capsys):
    (folders / "bad" / "v02" / "00005.png").unlink()
    (folders / "gt" / "v04" / "00003.png").write_bytes(b"half")
    assert record(folders) == 1
    said = capsys.readouterr().err
    assert f"video v02 not recorded: {folders / 'bad' / 'v02'}: no mask of frame 00005" in said
    assert "video v04 not recorded" in said
    assert {video_id for _, video_id, _, _ in rows(folders)} == set(VIDEOS) - {"v02", "v04"}


def test_stats_of_an_empty_database_names_published_figures(tmp_path, capsys):
    PerformanceDatabase(tmp_path / "p.db").close()
    assert main(["ensemble", "stats", "--database", str(tmp_path / "p.db")]) == 0
    shown = capsys.readouterr().out
    assert "nothing recorded yet; members are judged by published figures" in shown
    assert "sam2_large      0.746  README of SAM 2" in shown


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "give either --pred with --gt, or --scores with --label"),
        (["--pred", "bad"], "--pred needs --gt"),
        (["--scores", "x=s.csv"], "--scores needs --label"),
        (["--scores", "s.csv", "--label", "gt"], "--scores s.csv: must be NAME=FILE"),
        (["--scores", "x=gt", "--label", "gt"], "gt: cannot be read (Is a directory)"),
        (["--pred", "bad", "bad", "--gt", "gt"], "two members are called bad"),
    ],
)
def test_options_that_do_not_go_together(folders, monkeypatch, capsys, options, message):
    monkeypatch.chdir(folders)
    assert main(["ensemble", "record", "--database", "p.db", *options]) == 2
    assert message in capsys.readouterr().err


def test_stats_needs_a_database(tmp_path, capsys):
    assert main(["ensemble", "stats", "--database", str(tmp_path / "none.db")]) == 2
    assert "none.db: no such file; fill it with pvuw ensemble record" in capsys.readouterr().err

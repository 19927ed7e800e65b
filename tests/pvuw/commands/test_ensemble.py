"""`pvuw ensemble vote`, `fuse` and `select` on folders from anywhere."""

import json
from pathlib import Path

import numpy as np
import pytest

from pvuw.cli import main
from pvuw.ensemble.recipe import read_recipe
from pvuw.io.masks import read_id_map
from pvuw.recipes import find_config
from tests.pvuw.ensemble.scenes_of_squares import (
    IDS,
    NUM_FRAMES,
    iou,
    shifted,
    swapped,
    truth,
    video,
    without,
    write,
)


@pytest.fixture
def folders(tmp_path):
    """Four members of two videos: one swaps ids, one is larger and loses an object, one late."""
    for video_id in ("v1", "v2"):
        write(tmp_path / "a" / "Annotations", video_id, shifted(video(), 1))
        write(tmp_path / "b", video_id, swapped(shifted(video(), -1), 6, NUM_FRAMES - 1))
        large = np.stack([truth(t, (96, 160)) for t in range(NUM_FRAMES)])
        write(tmp_path / "c", video_id, without(large, 9, 12))
    names = [f"{n:05d}" for n in range(2, NUM_FRAMES)]
    write(tmp_path / "d", "v1", video()[2:], names=names)
    return tmp_path


def ensemble(folders, method, *more, members="abcd", out="out"):
    preds = [str(folders / name) for name in members]
    argv = ["ensemble", method, "--pred", *preds, "--out", str(folders / out), "--workers", "1"]
    return main([*argv, *map(str, more)])


def masks(folders, video_id="v1", out="out"):
    folder = folders / out / "Annotations" / video_id
    return np.stack([read_id_map(path) for path in sorted(folder.iterdir())])


def record(folders, video_id="v1", out="out"):
    lines = (folders / out / "agreement" / f"{video_id}.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


@pytest.mark.parametrize("method", ["vote", "fuse", "select"])
def test_an_answer_for_every_frame_of_every_video(folders, method, capsys):
    assert ensemble(folders, method) == 0
    for video_id in ("v1", "v2"):
        answer = masks(folders, video_id)
        assert answer.shape == video().shape
        assert len(record(folders, video_id)) == NUM_FRAMES + 1
    said = capsys.readouterr().out
    assert "note: c: v1: masks are 160x96, resized to 80x48" in said
    assert "note: d: v1: 2 of 16 frames have no mask" in said
    assert "note: d: v2: no masks" in said
    assert "2 videos written, 0 there already, 0 failed; 32 frames in all" in said


def test_fusion_puts_swapped_ids_right_and_says_so(folders, capsys):
    assert ensemble(folders, "fuse") == 0
    for object_id in IDS:
        assert iou(masks(folders), video(), object_id) > 0.8
    assert "note: b: v1: ids 3 and 9 were exchanged from 00006 to 00015; put right" in (
        capsys.readouterr().out
    )
    head, *frames = record(folders)
    assert head["swaps"][0]["member"] == "b"
    assert frames[13]["overruled"] == {"9": ["c"]}
    assert frames[0]["silent"] == ["d"]
    assert frames[13]["agreement"]["9"] < frames[11]["agreement"]["9"]


def test_selection_says_whom_and_why(folders):
    assert ensemble(folders, "select", "--granularity", "object") == 0
    pieces = record(folders)[0]["selection"]
    assert [piece["object_id"] for piece in pieces] == [3, 9]
    for piece in pieces:
        assert piece["member"] in "abcd"
        assert piece["reason"].startswith(f"{piece['member']}: agrees with the pseudo-label by")


def test_weighted_votes(folders):
    assert ensemble(folders, "vote", "--weight", "a=9") == 0
    assert np.array_equal(masks(folders), shifted(video(), 1))


def test_members_can_be_named(folders):
    preds = [f"first={folders / 'a'}", f"second={folders / 'b'}"]
    argv = ["ensemble", "vote", "--pred", *preds, "--weight", "second=2", "--workers", "1"]
    assert main([*argv, "--out", str(folders / "out")]) == 0
    assert record(folders)[0]["members"] == {"first": 1.0, "second": 2.0}


def test_finished_videos_are_skipped_until_their_inputs_change(folders, capsys):
    assert ensemble(folders, "fuse") == 0
    before = (folders / "out" / "Annotations" / "v1").stat().st_mtime_ns
    assert ensemble(folders, "fuse") == 0
    assert "0 videos written, 2 there already" in capsys.readouterr().out
    write(folders / "b", "v2", video()[:3])
    assert ensemble(folders, "fuse") == 0
    assert "1 videos written, 1 there already" in capsys.readouterr().out
    assert (folders / "out" / "Annotations" / "v1").stat().st_mtime_ns == before
    assert ensemble(folders, "vote") == 0
    assert "2 videos written, 0 there already" in capsys.readouterr().out


def test_a_broken_mask_fails_its_video_alone(folders, capsys):
    (folders / "a" / "Annotations" / "v1" / "00007.png").write_bytes(b"no PNG at all")
    assert ensemble(folders, "fuse") == 1
    shown = capsys.readouterr()
    assert "pvuw: video v1 failed:" in shown.err
    assert "00007.png: not a PNG file" in shown.err
    assert not (folders / "out" / "Annotations" / "v1").exists()
    assert (folders / "out" / "Annotations" / "v2").is_dir()


def test_images_say_which_frames_there_are(folders):
    from PIL import Image

    images = folders / "images" / "v1"
    images.mkdir(parents=True)
    for number in range(3, NUM_FRAMES + 1):  # one more than anybody has
        Image.new("RGB", (40, 24)).save(images / f"{number:05d}.jpg")
    listed = folders / "list.txt"
    listed.write_text("v1\n")
    more = ("--images", folders / "images", "--videos", listed)
    assert ensemble(folders, "fuse", *more) == 0
    answer = masks(folders)
    assert answer.shape == (NUM_FRAMES - 2, 24, 40)
    assert not answer[-1].any()
    assert not (folders / "out" / "Annotations" / "v2").exists()


def test_workers_give_the_same_masks(folders):
    assert ensemble(folders, "fuse") == 0
    preds = [str(folders / name) for name in "abcd"]
    argv = ["ensemble", "fuse", "--pred", *preds, "--out", str(folders / "two"), "--workers", "2"]
    assert main(argv) == 0
    for video_id in ("v1", "v2"):
        assert np.array_equal(masks(folders, video_id), masks(folders, video_id, out="two"))


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--weight", "x=2"], "--weight x: no member has this name, they are a, b, c, d"),
        (["--weight", "a"], "--weight a: must be NAME=NUMBER"),
        (["--weight", "a=0"], "a: weight must be a number above 0, got 0"),
        (["--videos", "missing.txt"], "missing.txt: no such file"),
        (["--pred", "nowhere"], "nowhere: no such folder"),
        (["--images", "nowhere"], "2 videos"),
    ],
)
def test_mistakes_are_one_line(folders, capsys, more, message):
    status = ensemble(folders, "vote", *more)
    shown = capsys.readouterr()
    if message == "2 videos":  # of each video, as one may be broken and others not
        assert status == 1
        assert "nowhere/v1: no frames; correct --images" in shown.err
    else:
        assert status == 2
        assert message in shown.err


def test_a_member_cannot_be_overwritten(folders, capsys):
    assert ensemble(folders, "vote", out="a") == 2
    assert "is the folder of member a; give another one" in capsys.readouterr().err


@pytest.mark.parametrize("argv", [[], ["--config", "x.yaml", "vote", "--pred", "a", "--out", "b"]])
def test_what_to_do_must_be_clear(argv, capsys):
    assert main(["ensemble", *argv]) == 2
    assert "--config" in capsys.readouterr().err


def test_the_shipped_recipe_uses_all_five(tmp_path, capsys):
    """Four members that agree outvote the one of the highest weight, so it is not just followed."""
    recipe = read_recipe(Path(find_config("stseg/pgmr.yaml")))
    assert recipe.database is None
    weights = {member.name: member.weight for member in recipe.members}
    first, *others = sorted(weights, key=lambda name: -weights[name])
    assert len(others) == 4
    write(tmp_path / first, "v1", without(video(), 9, 4))
    for name, by in zip(others, (-1, 0, 1, 2), strict=True):  # of equal members one alone counts
        write(tmp_path / name, "v1", shifted(video(), by))
    words = [f"{name}={weight}" for name, weight in weights.items()]
    assert ensemble(tmp_path, recipe.method, "--weight", *words, members=list(weights)) == 0
    for object_id in IDS:
        assert iou(masks(tmp_path), video(), object_id) > 0.8
    assert "warning" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("weights", "whom"),
    [
        (["c=0.7"], "c wherever it has masks; fuse uses all members"),
        ([], "whichever of a, b, c agrees most, which is worse than their majority"),
    ],
)
def test_selecting_without_a_database_warns_in_one_line(folders, capsys, weights, whom):
    more = ["--weight", "a=0.5", "b=0.5", *weights] if weights else []
    assert ensemble(folders, "select", *more, members="abc") == 0
    (line,) = [one for one in capsys.readouterr().err.splitlines() if "warning" in one]
    assert line.startswith(f"pvuw: warning: select without a database follows {whom}")


def test_the_folder_names_its_members_and_their_masks(folders):
    assert ensemble(folders, "select", "--granularity", "object", members="ab") == 0
    said = json.loads((folders / "out" / "ensemble.json").read_text())
    assert (said["method"], said["granularity"]) == ("select", "object")
    assert said["members"] == {"a": 1.0, "b": 1.0}
    assert said["masks"] == {"a": str(folders / "a" / "Annotations"), "b": str(folders / "b")}


def test_members_inside_the_folder_are_named_from_there(folders):
    write(folders / "out" / "members" / "e-1" / "Annotations", "v1", video())
    assert ensemble(folders, "vote", members=["a", "out/members/e-1"]) == 0
    said = json.loads((folders / "out" / "ensemble.json").read_text())
    assert said["masks"]["e-1"] == "members/e-1/Annotations"


@pytest.mark.parametrize("method", ["vote", "fuse"])
def test_answers_to_sentences_are_fused_sentence_by_sentence(tmp_path, method, capsys):
    for member in "abc":
        for expression in ("0", "1"):
            write(tmp_path / member / "Annotations" / "v", expression, video())
    assert ensemble(tmp_path, method, members="abc") == 0
    for expression in ("0", "1"):
        assert (masks(tmp_path, f"v/{expression}") == video()).all()
        assert len(record(tmp_path, f"v/{expression}")) == NUM_FRAMES + 1
    assert ensemble(tmp_path, method, members="abc") == 0  # nothing to do a second time
    assert "0 videos written, 2 there already" in capsys.readouterr().out

import json

import numpy as np
import pytest

from pvuw.ensemble.members.output import MARKER, answer_of, claim_folder, stamp_of
from pvuw.errors import DataError, PvuwError
from pvuw.io.masks import read_id_map

IDS = np.full((4, 6), 3, np.uint8)


def write(out, stamp="s1"):
    with answer_of(out, "v") as (put, note):
        note({"stamp": stamp})
        for number in range(20):  # more than may wait for the disk
            put(f"{number:05d}", IDS)


def test_a_video_appears_whole_with_its_record(tmp_path):
    claim_folder(tmp_path, {"method": "vote"})
    write(tmp_path)
    masks = sorted((tmp_path / "Annotations" / "v").iterdir())
    assert [path.name for path in masks] == [f"{n:05d}.png" for n in range(20)]
    assert (read_id_map(masks[7]) == 3).all()
    assert stamp_of(tmp_path, "v") == "s1"
    assert json.loads((tmp_path / MARKER).read_text()) == {"method": "vote"}


def test_an_error_leaves_nothing_of_the_video(tmp_path):
    claim_folder(tmp_path, {})
    with pytest.raises(TypeError), answer_of(tmp_path, "v") as (_, note):
        note({"stamp": {1, 2}})  # a set is no JSON
    assert stamp_of(tmp_path, "v") is None
    assert not list((tmp_path / "Annotations").iterdir())
    assert not list((tmp_path / "agreement").iterdir())


def test_a_new_answer_takes_the_place_of_the_old_one(tmp_path):
    claim_folder(tmp_path, {})
    write(tmp_path)
    with answer_of(tmp_path, "v") as (put, note):
        note({"stamp": "s2"})
        put("00000", IDS)
    assert stamp_of(tmp_path, "v") == "s2"
    assert len(list((tmp_path / "Annotations" / "v").iterdir())) == 1


def test_what_a_killed_run_left_is_removed(tmp_path):
    claim_folder(tmp_path, {})
    (tmp_path / "Annotations" / ".v.partial").mkdir()
    (tmp_path / "Annotations" / "w" / ".0.partial").mkdir(parents=True)
    (tmp_path / "agreement" / "w").mkdir(parents=True)
    for name in (".v.partial", "w/.0.partial"):
        (tmp_path / "agreement" / name).touch()
    claim_folder(tmp_path, {})
    assert not list((tmp_path / "Annotations").iterdir())
    assert not list((tmp_path / "agreement").rglob("*.partial"))


def test_masks_without_a_record_do_not_count_as_done(tmp_path):
    claim_folder(tmp_path, {})
    write(tmp_path)
    (tmp_path / "agreement" / "v.jsonl").unlink()
    assert stamp_of(tmp_path, "v") is None


def test_other_peoples_masks_are_not_touched(tmp_path):
    (tmp_path / "Annotations" / "v").mkdir(parents=True)
    with pytest.raises(DataError, match="holds masks that no ensemble wrote; give another --out"):
        claim_folder(tmp_path, {})


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path, monkeypatch):
    def refuse(path, id_map):
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr("pvuw.io.tree_writer.write_id_map", refuse)
    claim_folder(tmp_path, {})
    with pytest.raises(PvuwError, match="could not be written"):
        write(tmp_path)
    assert not list((tmp_path / "Annotations").iterdir())


def test_a_strange_record_is_refused(tmp_path):
    claim_folder(tmp_path, {})
    write(tmp_path)
    (tmp_path / "agreement" / "v.jsonl").write_text("hello\n")
    with pytest.raises(DataError, match=r"v\.jsonl: not written by pvuw; remove it"):
        stamp_of(tmp_path, "v")


def test_an_answer_to_a_sentence_lies_below_its_video(tmp_path):
    claim_folder(tmp_path, {})
    with answer_of(tmp_path, "v/0") as (put, note):
        note({"stamp": "s3"})
        put("00000", IDS)
    assert stamp_of(tmp_path, "v/0") == "s3"
    assert (tmp_path / "Annotations" / "v" / "0" / "00000.png").is_file()

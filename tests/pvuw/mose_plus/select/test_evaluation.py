import json

import pytest

from pvuw.errors import DataError
from pvuw.mose_plus.config import EvaluationConfig
from pvuw.mose_plus.select.evaluation import read_evaluation, unmatched_ids


def ids(videos):
    return [video.video_id for video in videos]


@pytest.fixture
def valid(tmp_path):
    """A MOSE valid folder of two videos."""
    for video in ("0a43a414", "ff00ff00"):
        (tmp_path / "valid" / "JPEGImages" / video).mkdir(parents=True)
        for name in ("00010.jpg", "00002.jpg", "notes.txt"):
            (tmp_path / "valid" / "JPEGImages" / video / name).touch()
    (tmp_path / "valid" / "JPEGImages" / ".hidden").mkdir()
    return tmp_path / "valid"


def test_without_a_mose_list_nothing_is_built():
    with pytest.raises(DataError, match=r"evaluation\.mose: names no list.*write `mose: none`"):
        read_evaluation(EvaluationConfig())


def test_none_is_a_choice():
    assert read_evaluation(EvaluationConfig(mose=("none",), davis=("none",))) == []


def test_davis_names_come_built_in():
    found = read_evaluation(EvaluationConfig(mose=("none",)))
    lists = {video.video_id: video.list_name for video in found}
    assert len(found) == 60
    assert lists["bmx-trees"] == "davis_2017_val"
    assert lists["tennis-vest"] == "davis_2017_test_dev"
    assert "bear" not in lists  # a training video
    assert all(video.frames is None for video in found)


@pytest.mark.parametrize("inside", [True, False])
def test_folder_gives_ids_and_frames_in_order(valid, inside):
    entry = valid if inside else valid / "JPEGImages"
    found = read_evaluation(EvaluationConfig(mose=(str(entry),), davis=("none",)))
    assert ids(found) == ["0a43a414", "ff00ff00"]
    assert found[0].frames.names == ("00002.jpg", "00010.jpg")
    assert found[0].list_name == str(entry)


def test_text_and_json_lists(tmp_path):
    text, meta = tmp_path / "ids.txt", tmp_path / "meta.json"
    text.write_text("# test split\nabc\n\n def # checked\nabc\n")
    meta.write_text(json.dumps({"videos": {"ghi": {"length": 3}}}))
    config = EvaluationConfig(mose=(str(text),), davis=("none",), others=(str(meta),))
    assert ids(read_evaluation(config)) == ["abc", "def", "ghi"]


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "no such file; it should be a list of videos"), ("# nothing\n", "names no video")],
)
def test_a_list_that_says_nothing_is_an_error(tmp_path, content, message):
    path = tmp_path / "ids.txt"
    if content is not None:
        path.write_text(content)
    with pytest.raises(DataError, match=rf"ids\.txt: {message}"):
        read_evaluation(EvaluationConfig(mose=(str(path),)))


def test_json_without_videos_is_an_error(tmp_path):
    path = tmp_path / "meta.json"
    path.write_text("[]")
    with pytest.raises(DataError, match=r'meta\.json: has no "videos"'):
        read_evaluation(EvaluationConfig(mose=(str(path),)))


def test_none_beside_a_list_is_an_error(valid):
    with pytest.raises(DataError, match="`none` stands beside"):
        read_evaluation(EvaluationConfig(mose=(str(valid), "none")))


def listed(tmp_path, *lines):
    path = tmp_path / "kept_out.txt"
    path.write_text("\n".join(lines))
    return read_evaluation(EvaluationConfig(mose=(str(path),), davis=("none",)))


def test_ids_without_a_video_are_named_by_list(tmp_path):
    videos = listed(tmp_path, "0a43a414", "nobody")
    assert unmatched_ids(videos, {"0a43a414", "other"}) == {
        str(tmp_path / "kept_out.txt"): ["nobody"]
    }


@pytest.mark.parametrize(
    "line",
    [
        "0A43A414",
        '"0a43a414"',
        "0a43a414,other",
        "valid/JPEGImages/0a43a414",
        "0a43a414.mp4",
        "33 0a43a414",
        "D:\\MOSE\\0a43a414",
    ],
)
def test_another_spelling_of_a_candidate_is_refused(tmp_path, line):
    with pytest.raises(DataError, match="but there is '0a43a414'; write one id a line"):
        unmatched_ids(listed(tmp_path, line), {"0a43a414", "unrelated"})


def test_built_in_names_need_no_candidate():
    videos = read_evaluation(EvaluationConfig(mose=("none",)))
    assert unmatched_ids(videos, {"0a43a414"}) == {}

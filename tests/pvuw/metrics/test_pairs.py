import pytest

from pvuw.io.masks import write_id_map
from pvuw.metrics.pairs import pair_trees
from tests.pvuw.metrics.videos import square, write_pair, write_video

RIGHT = (square(), square())


def test_pairs_every_video_in_time_order(tmp_path):
    folders = write_pair(tmp_path, {"b": [RIGHT] * 3, "a": [RIGHT] * 4})
    pair = pair_trees(*folders, "mose")
    assert [video.query_id for video in pair.pairs] == ["a", "b"]
    assert pair.pairs[0].frame_names == ["00000", "00001", "00002", "00003"]
    assert pair.problems == []
    assert pair.notes == []


def test_frames_are_ordered_by_number(tmp_path):
    write_video(tmp_path / "gt", "a", [square()] * 12)
    for file in sorted((tmp_path / "gt" / "a").iterdir()):
        file.rename(file.with_name(f"{int(file.stem)}.png"))
    pair = pair_trees(tmp_path / "gt", tmp_path / "gt", "mose")
    assert pair.pairs[0].frame_names == [str(index) for index in range(12)]


@pytest.mark.parametrize("wrapping", ["Annotations", "only", "Annotations/480p"])
def test_a_wrapping_folder_is_found_and_said(tmp_path, wrapping):
    root = tmp_path / "run"
    write_video(root / wrapping, "a", [square()] * 3)
    (root / ".hidden").mkdir()
    pair = pair_trees(root / wrapping, root, "mose")
    assert pair.notes == [f"{root}: masks found in {root / wrapping}"]


def test_everything_missing_is_listed(tmp_path):
    gt, pred = write_pair(
        tmp_path,
        {
            "gaps": [RIGHT, (square(), None), RIGHT, (square(), None), RIGHT],
            "short": [RIGHT] * 2,
            "fine": [RIGHT] * 3,
        },
    )
    write_video(gt, "absent", [square()] * 3)
    (gt / "no_masks").mkdir()
    pair = pair_trees(gt, pred, "mose")
    assert pair.problems == [
        f"{pred / 'absent'}: no such folder; predict this video too",
        f"{pred / 'gaps'}: 2 of 3 scored frames have no mask PNG (00001, 00003); "
        "predict every frame",
        f"{gt / 'no_masks'}: 0 frames leave none to score, since the first and the last "
        "never count; add the truth of the other frames or remove the video",
        f"{gt / 'short'}: 2 frames leave none to score, since the first and the last "
        "never count; add the truth of the other frames or remove the video",
    ]
    assert [(video.query_id, video.missing) for video in pair.pairs] == [
        ("fine", frozenset()),
        ("gaps", {"00001", "00003"}),
    ]


def test_first_and_last_frame_need_no_prediction(tmp_path):
    frames = [(square(), None), RIGHT, (square(), None)]
    assert pair_trees(*write_pair(tmp_path, {"a": frames}), "mose").problems == []


def test_more_predictions_than_truth_are_noted(tmp_path):
    gt, pred = write_pair(tmp_path, {"a": [RIGHT] * 3})
    write_video(pred, "a", [square()] * 5)
    write_video(pred, "other", [square()])
    pair = pair_trees(gt, pred, "mose")
    assert pair.problems == []
    assert pair.notes == [
        f"{pred / 'a'}: 2 frames without truth are ignored (00003, 00004)",
        f"{pred}: 1 videos without truth are ignored (other)",
    ]


def test_temporary_files_are_no_masks(tmp_path):
    gt, pred = write_pair(tmp_path, {"a": [RIGHT] * 3})
    (gt / "a" / ".00003.png").write_bytes(b"half")
    (gt / "a" / "notes.txt").write_text("x")
    assert pair_trees(gt, pred, "mose").pairs[0].frame_names == ["00000", "00001", "00002"]


def test_frames_without_leading_zeros_are_in_the_order_of_their_numbers(tmp_path):
    for number in range(1, 12):
        write_id_map(tmp_path / "gt" / "a" / f"frame_{number}.png", square())
        if 1 < number < 11:  # the first and the last frame need no prediction
            write_id_map(tmp_path / "pred" / "a" / f"frame_{number}.png", square())
    pair = pair_trees(tmp_path / "gt", tmp_path / "pred", "mose")
    assert pair.problems == []
    assert pair.pairs[0].frame_names == [f"frame_{number}" for number in range(1, 12)]

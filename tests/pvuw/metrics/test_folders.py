import pytest

from pvuw.errors import DataError
from pvuw.io.masks import write_id_map
from pvuw.metrics.folders import find_mask_root, pair_folders
from tests.pvuw.metrics.videos import square, write_pair, write_video

RIGHT = (square(), square())


def test_pairs_every_video_in_time_order(tmp_path):
    folders = write_pair(tmp_path, {"b": [RIGHT] * 3, "a": [RIGHT] * 4})
    pair = pair_folders(*folders, "mose")
    assert [video.video_id for video in pair.videos] == ["a", "b"]
    assert pair.videos[0].frame_names == ["00000", "00001", "00002", "00003"]
    assert pair.problems == []
    assert pair.notes == []


def test_frames_are_ordered_by_number(tmp_path):
    write_video(tmp_path / "gt", "a", [square()] * 12)
    for file in sorted((tmp_path / "gt" / "a").iterdir()):
        file.rename(file.with_name(f"{int(file.stem)}.png"))
    pair = pair_folders(tmp_path / "gt", tmp_path / "gt", "mose")
    assert pair.videos[0].frame_names == [str(index) for index in range(12)]


@pytest.mark.parametrize("wrapping", ["Annotations", "only", "Annotations/480p"])
def test_a_wrapping_folder_is_found_and_said(tmp_path, wrapping):
    root = tmp_path / "run"
    write_video(root / wrapping, "a", [square()] * 3)
    (root / ".hidden").mkdir()
    assert find_mask_root(root) == root / wrapping
    pair = pair_folders(root / wrapping, root, "mose")
    assert pair.notes == [f"{root}: masks found in {root / wrapping}"]


def test_annotations_is_found_beside_other_folders(tmp_path):
    write_video(tmp_path / "Annotations", "a", [square()] * 3)
    (tmp_path / "JPEGImages" / "a").mkdir(parents=True)
    assert find_mask_root(tmp_path) == tmp_path / "Annotations"


def test_a_folder_of_one_videos_masks_is_refused(tmp_path):
    write_video(tmp_path, "a", [square()] * 3)
    with pytest.raises(DataError, match=r"a: holds the masks of one video; give the folder above"):
        find_mask_root(tmp_path / "a")


def test_folders_without_masks_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"missing: no such folder"):
        find_mask_root(tmp_path / "missing")
    with pytest.raises(DataError, match=r"no PNG masks, got no folders"):
        find_mask_root(tmp_path)
    for name in "bac":
        (tmp_path / name).mkdir()
    with pytest.raises(DataError, match=r"no PNG masks, got folders a, b, c; expected <video>"):
        find_mask_root(tmp_path)


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
    pair = pair_folders(gt, pred, "mose")
    assert pair.problems == [
        f"{pred / 'absent'}: no such folder; predict this video too",
        f"{pred / 'gaps'}: 2 of 3 scored frames have no mask PNG (00001, 00003); "
        "predict every frame",
        f"{gt / 'no_masks'}: 0 frames leave none to score, since the first and the last "
        "never count; add the truth of the other frames or remove the video",
        f"{gt / 'short'}: 2 frames leave none to score, since the first and the last "
        "never count; add the truth of the other frames or remove the video",
    ]
    assert [(video.video_id, video.missing) for video in pair.videos] == [
        ("fine", frozenset()),
        ("gaps", {"00001", "00003"}),
    ]


def test_first_and_last_frame_need_no_prediction(tmp_path):
    frames = [(square(), None), RIGHT, (square(), None)]
    assert pair_folders(*write_pair(tmp_path, {"a": frames}), "mose").problems == []


def test_more_predictions_than_truth_are_noted(tmp_path):
    gt, pred = write_pair(tmp_path, {"a": [RIGHT] * 3})
    write_video(pred, "a", [square()] * 5)
    write_video(pred, "other", [square()])
    pair = pair_folders(gt, pred, "mose")
    assert pair.problems == []
    assert pair.notes == [
        f"{pred / 'a'}: 2 frames without truth are ignored (00003, 00004)",
        f"{pred}: 1 videos without truth are ignored (other)",
    ]


def test_temporary_files_are_no_masks(tmp_path):
    gt, pred = write_pair(tmp_path, {"a": [RIGHT] * 3})
    (gt / "a" / ".00003.png").write_bytes(b"half")
    (gt / "a" / "notes.txt").write_text("x")
    assert pair_folders(gt, pred, "mose").videos[0].frame_names == ["00000", "00001", "00002"]


def test_frames_without_leading_zeros_are_in_the_order_of_their_numbers(tmp_path):
    for number in range(1, 12):
        write_id_map(tmp_path / "gt" / "a" / f"frame_{number}.png", square())
        if 1 < number < 11:  # the first and the last frame need no prediction
            write_id_map(tmp_path / "pred" / "a" / f"frame_{number}.png", square())
    pair = pair_folders(tmp_path / "gt", tmp_path / "pred", "mose")
    assert pair.problems == []
    assert pair.videos[0].frame_names == [f"frame_{number}" for number in range(1, 12)]

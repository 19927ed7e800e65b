import shutil
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from pvuw.io.listing import VideoFolder
from pvuw.io.mask_tree import MaskTree
from pvuw.io.masks import write_id_map
from pvuw.submit.check import SubmissionCheck, check_submission, summary
from pvuw.submit.formats import FORMATS
from tests.pvuw.io.make import flip_byte, square
from tests.pvuw.io.movies import write_movie
from tests.pvuw.submit.make import save_as, write_data

MOSE = FORMATS["mose"]


def missing_video(pred):
    shutil.rmtree(pred / "ball")
    return pred / "ball", "no such folder"


def extra_video(pred):
    shutil.copytree(pred / "ball", pred / "dog")
    return pred / "dog", "no such video"


def empty_folder(pred):
    for mask in (pred / "cats").iterdir():
        mask.unlink()
    return pred / "cats", "empty folder, expected 5 masks"


def missing_frame(pred):
    (pred / "cats/00003.png").unlink()
    return pred / "cats/00003.png", "no such file"


def missing_run_of_frames(pred):
    for name in ("00001", "00002", "00003"):
        (pred / f"cats/{name}.png").unlink()
    return pred / "cats/00001.png", "to 00003.png: no such files (3 of 5 frames)"


def extra_frame(pred):
    shutil.copy(pred / "cats/00003.png", pred / "cats/00005.png")
    return pred / "cats/00005.png", "not among the images"


def wrong_name(pred):
    (pred / "cats/00003.png").rename(pred / "cats/frame_3.png")
    return pred / "cats/frame_3.png", "rename it to 00003.png"


def wrong_suffix(pred):
    (pred / "cats/00003.png").rename(pred / "cats/00003.PNG")
    return pred / "cats/00003.PNG", "rename it to 00003.png"


def stray_file(pred):
    (pred / "cats/notes.txt").write_text("hello")
    return pred / "cats/notes.txt", "not a mask"


def wrong_size(pred):
    write_id_map(pred / "ball/00002.png", square(1, size_hw=(12, 16)))
    return pred / "ball/00002.png", "mask is 16x12, its frame 32x24"


def rgb_mode(pred):
    save_as(pred / "ball/00002.png", "RGB")
    return pred / "ball/00002.png", "holds RGB colours"


def no_palette(pred):
    save_as(pred / "ball/00002.png", "L")
    return pred / "ball/00002.png", "without a palette"


def four_bits(pred):
    save_as(pred / "ball/00002.png", "P", bits=4)
    return pred / "ball/00002.png", "4 bits per pixel"


def short_palette(pred):
    path = pred / "cats/00002.png"
    content = path.read_bytes()
    start = content.index(b"PLTE")
    chunk = b"PLTE" + content[start + 4 : start + 4 + 9]  # three colours
    palette = struct.pack(">I", 9) + chunk + struct.pack(">I", zlib.crc32(chunk))
    path.write_bytes(content[: start - 4] + palette + content[start + 4 + 768 + 4 :])
    return pred / "cats/00002.png", "id 5, but a palette of 3 colours"


def unknown_id(pred):
    write_id_map(pred / "ball/00002.png", square(1) + square(7, top=14))
    return pred / "ball/00002.png", "holds id 7, but the objects of the video are 1;"


def truncated(pred):
    path = pred / "ball/00002.png"
    path.write_bytes(path.read_bytes()[:-30])
    return path, "truncated or damaged PNG"


def damaged(pred):
    flip_byte(pred / "ball/00002.png", -20)
    return pred / "ball/00002.png", "truncated or damaged PNG"


def zero_bytes(pred):
    (pred / "ball/00002.png").write_bytes(b"")
    return pred / "ball/00002.png", "empty file (0 bytes)"


def other_format(pred):
    Image.new("RGB", (32, 24)).save(pred / "ball/00002.png", format="JPEG")
    return pred / "ball/00002.png", "not a PNG file"


DAMAGES = [
    missing_video,
    extra_video,
    empty_folder,
    missing_frame,
    missing_run_of_frames,
    extra_frame,
    wrong_name,
    wrong_suffix,
    stray_file,
    wrong_size,
    rgb_mode,
    no_palette,
    four_bits,
    short_palette,
    unknown_id,
    truncated,
    damaged,
    zero_bytes,
    other_format,
]


def test_right_folder_has_no_problem(tmp_path):
    folder, pred = write_data(tmp_path)
    submission = check_submission(MaskTree(pred), folder, MOSE)
    assert submission.problems == []
    assert summary(submission) == ["2 videos, 10 masks, 3 objects"]
    names = [mask.name for mask in submission.masks["cats"]]
    assert names == [f"{i:05d}.png" for i in range(5)]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_damage_is_named_in_one_line(damage, tmp_path):
    folder, pred = write_data(tmp_path)
    place, what = damage(pred)
    (problem,) = check_submission(MaskTree(pred), folder, MOSE).problems
    assert problem.startswith(str(place))
    assert what in problem
    assert "; " in problem, "the fix comes after a semicolon"
    assert "\n" not in problem


def test_every_problem_is_listed_by_video(tmp_path):
    folder, pred = write_data(tmp_path)
    places = [damage(pred) for damage in (wrong_size, truncated_last, rgb_first, missing_frame)]
    extra = extra_video(pred)
    problems = check_submission(MaskTree(pred), folder, MOSE, workers=2).problems
    found = [problem.partition(":")[0] for problem in problems]
    assert found == [*sorted(str(place) for place, _ in places), str(extra[0])]


def truncated_last(pred):
    path = pred / "ball/00004.png"
    path.write_bytes(path.read_bytes()[:50])
    return path, "truncated"


def rgb_first(pred):
    save_as(pred / "ball/00000.png", "RGB")
    return pred / "ball/00000.png", "RGB"


def test_one_file_may_have_several_problems(tmp_path):
    folder, pred = write_data(tmp_path)
    write_id_map(pred / "ball/00002.png", square(9, size_hw=(12, 16)))
    problems = check_submission(MaskTree(pred), folder, MOSE).problems
    assert ["mask is" in problems[0], "holds id 9" in problems[1], len(problems)] == [True, True, 2]


def test_hidden_files_are_left_alone(tmp_path):
    folder, pred = write_data(tmp_path)
    (pred / ".DS_Store").write_text("")
    (pred / "ball" / ".00003.png.tmp").write_text("")
    (pred / ".cats.partial").mkdir()
    assert check_submission(MaskTree(pred), folder, MOSE).problems == []


def test_late_objects_count_for_youtube_vos_only(tmp_path):
    folder, pred = write_data(tmp_path)
    late = square(1) + square(3, left=20)
    write_id_map(tmp_path / "valid/Annotations/ball/00002.png", square(3, left=20))
    write_id_map(pred / "ball/00003.png", late)
    assert check_submission(MaskTree(pred), folder, FORMATS["youtube_vos"]).problems == []
    (problem,) = check_submission(MaskTree(pred), folder, MOSE).problems
    assert "holds id 3, but the objects of the video are 1;" in problem


@pytest.mark.parametrize("rules", [rules for rules in FORMATS.values() if rules.ids_from])
def test_void_is_no_object(tmp_path, rules):
    folder, pred = write_data(tmp_path)
    first = square(1) + square(255, left=20)
    write_id_map(tmp_path / "valid/Annotations/ball/00000.png", first)
    write_id_map(pred / "ball/00003.png", first)
    (problem,) = check_submission(MaskTree(pred), folder, rules).problems
    assert "holds id 255, but the objects of the video are 1;" in problem


def test_video_without_first_mask_is_named(tmp_path):
    folder, pred = write_data(tmp_path)
    (tmp_path / "valid/Annotations/ball/00000.png").unlink()
    (problem,) = check_submission(MaskTree(pred), folder, MOSE).problems
    assert problem.startswith("ball: no annotation mask")
    write_id_map(tmp_path / "valid/Annotations/ball/00000.png", np.zeros((24, 32), np.uint8))
    (problem,) = check_submission(MaskTree(pred), folder, MOSE).problems
    assert "shows no object" in problem


def test_object_that_is_never_shown_is_a_note(tmp_path):
    folder, pred = write_data(tmp_path)
    for mask in (pred / "cats").iterdir():
        write_id_map(mask, square(2))
    submission = check_submission(MaskTree(pred), folder, MOSE)
    assert submission.problems == []
    assert submission.notes == ["cats: no mask shows object 5"]


def test_progress_counts_every_mask(tmp_path):
    folder, pred = write_data(tmp_path)
    check = SubmissionCheck(MaskTree(pred), folder, MOSE)
    assert check.num_masks == 10
    assert sum(check.findings(workers=1)) == 10


def test_masks_of_a_video_file_are_checked_against_its_frames(tmp_path):
    pytest.importorskip("av", reason="needs PyAV, the extra 'video'")
    movie = write_movie(tmp_path / "clip.mp4", num_frames=3)
    first = square(1, size_hw=(48, 64))
    write_id_map(tmp_path / "first/clip/00000.png", first)
    for frame in range(3):
        write_id_map(tmp_path / f"pred/clip/{frame:05d}.png", first)
    folder = VideoFolder(movie, annotations=tmp_path / "first")
    assert check_submission(MaskTree(tmp_path / "pred"), folder, MOSE).problems == []
    write_id_map(tmp_path / "pred/clip/00002.png", square(1))
    (problem,) = check_submission(MaskTree(tmp_path / "pred"), folder, MOSE).problems
    assert "mask is 32x24, its frame 64x48" in problem

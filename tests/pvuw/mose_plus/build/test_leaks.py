import shutil

import pytest

from pvuw.errors import DataError
from pvuw.mose_plus.build.verify import verify_build
from tests.pvuw.mose_plus.build_make import build, settings, small_clip, write_sources
from tests.pvuw.mose_plus.make import write_frames


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    source = write_sources(tmp_path_factory.mktemp("sources"))
    build(settings(source, build="frames: encode, valid_share: 0.4"), source / "out")
    return source / "out"


@pytest.fixture
def evaluation(tmp_path):
    """Two evaluation videos that the build knows nothing of; no video of it resembles them."""
    for name, seed in (("e1", 200), ("e2", 201)):
        write_frames(tmp_path / "valid" / "JPEGImages" / name, small_clip(seed)[0])
    return tmp_path / "valid"


def test_other_evaluation_videos_are_no_problem(out, evaluation):
    assert verify_build(out, workers=1, evaluation=[evaluation]).problems == []


def test_a_copy_under_another_name_and_size_is_found(out, evaluation):
    frames = small_clip(51)[0]  # lvos/Zz
    write_frames(evaluation / "JPEGImages" / "secret", frames[::2], quality=70, size_hw=(80, 134))
    assert verify_build(out, workers=1).problems == []
    (problem,) = verify_build(out, workers=1, evaluation=[evaluation]).problems
    assert problem == (
        f"lvos/train/Zz: evaluation video, 100% of the frames match those of secret of "
        f"{evaluation}; build again with it under `evaluation`"
    )


def test_frames_that_came_into_the_build_later_are_compared(out, evaluation, tmp_path):
    changed = shutil.copytree(out, tmp_path / "out")
    folder = changed / "train/JPEGImages/lvos_Zz"
    for name in ("00000.jpg", "00001.jpg", "00002.jpg"):
        shutil.copy(evaluation / "JPEGImages/e2" / name, folder / name)
    problems = verify_build(changed, workers=1, evaluation=[evaluation]).problems
    assert [line for line in problems if "frames match those of e2" in line]
    assert [line for line in problems if "frames are not those that were built" in line]


def test_ids_of_a_list_are_compared(out, tmp_path):
    (tmp_path / "ids.txt").write_text("nobody\n0a long\n")
    (problem,) = verify_build(out, workers=1, evaluation=[tmp_path / "ids.txt"]).problems
    assert problem.startswith(f"lvos/train/0a long: evaluation video, its id is in {tmp_path}/ids")


def test_what_cannot_be_compared_is_said(out, evaluation, tmp_path):
    broken = shutil.copytree(out, tmp_path / "out")
    (broken / "train/JPEGImages/lvos_Zz/00001.jpg").write_bytes(b"")
    problems = verify_build(broken, workers=1, evaluation=[evaluation]).problems
    assert [line for line in problems if "Zz: not compared with evaluation videos; " in line]


def test_evaluation_that_cannot_be_read_ends_it(out, evaluation, tmp_path):
    with pytest.raises(DataError, match="gone: no such file; it should be a list of videos"):
        verify_build(out, workers=1, evaluation=[tmp_path / "gone"])
    (evaluation / "JPEGImages/e1/00002.jpg").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"e1/00002\.jpg"):
        verify_build(out, workers=1, evaluation=[evaluation])

import pickle
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from pvuw.errors import DataError
from pvuw.io.listing import VideoFolder, list_videos
from pvuw.io.masks import write_id_map
from pvuw.io.png_masks import PngMasks
from pvuw.io.videos import FolderFiles, Video
from tests.pvuw.io.make import HEIGHT, WIDTH, ids_of, square, write_frame, write_video

SHARED = Path(__file__).parents[4] / "shared" / "data"


def only_video(root, **options):
    folders = {"annotations": root / "Annotations", **options}
    (video,) = list_videos(VideoFolder(root / "JPEGImages", **folders))
    return video


def test_reads_frames_and_masks_by_position(tmp_path):
    write_video(tmp_path, "v", [square(3), None, square(5)], names=["a1", "a2", "a10"])
    video = only_video(tmp_path)
    assert len(video) == 3
    assert video.frame_names == ["a1", "a2", "a10"]
    assert video.size_hw == (HEIGHT, WIDTH)
    assert list(video.annotations) == [0, 2]
    assert video.annotations.path(2) == tmp_path / "Annotations" / "v" / "a10.png"
    assert not video.truth
    for position in range(3):
        frame = video.read_frame(position)
        assert frame.dtype == torch.uint8
        assert frame.shape == (3, HEIGHT, WIDTH)
        assert (frame.float() - (10 * position + 20)).abs().max() <= 1
    annotation = ids_of(video, 2)
    assert annotation.dtype == torch.uint8
    assert torch.equal(annotation, torch.from_numpy(square(5)))
    with pytest.raises(ValueError, match="frame with a mask, got 1"):
        ids_of(video, 1)
    with pytest.raises(ValueError, match="there is none, got 0"):
        video.truth.id_map(0, video.size_hw)


def test_truth_is_apart_from_annotations(tmp_path):
    write_video(tmp_path, "v", [square(1), None])
    write_video(tmp_path, "v", [square(1), square(2)], masks="GroundTruth")
    video = only_video(tmp_path, truth=tmp_path / "GroundTruth")
    assert list(video.annotations) == [0]
    assert list(video.truth) == [0, 1]
    assert torch.equal(
        torch.from_numpy(video.truth.id_map(1, video.size_hw)), torch.from_numpy(square(2))
    )


def test_void_is_background_in_masks_and_told_apart_on_request(tmp_path):
    id_map = square(1)
    id_map[0, :5] = 255
    write_video(tmp_path, "v", [id_map])
    video = only_video(tmp_path, truth=tmp_path / "Annotations", void_id=255)
    assert torch.equal(ids_of(video, 0), torch.from_numpy(square(1)))
    assert torch.equal(
        torch.from_numpy(video.truth.id_map(0, video.size_hw)), torch.from_numpy(square(1))
    )
    ids, _, void = video.annotations.read(0, video.size_hw)
    assert ids.max() == 1
    assert void.dtype == np.uint8
    assert void.sum() == 5
    assert void[0, :5].all()
    plain = only_video(tmp_path, void_id=None)
    assert ids_of(plain, 0).max() == 255
    assert plain.annotations.void(0, plain.size_hw) is None


def test_mask_of_another_size_is_resized_nearest_with_one_warning(tmp_path):
    write_video(tmp_path, "v", [square(1)])
    small = np.array([[0, 1], [2, 255]], np.uint8)
    write_id_map(tmp_path / "Annotations" / "v" / "00000.png", small)
    video = only_video(tmp_path, void_id=255)
    with pytest.warns(UserWarning, match="nearest") as caught:
        ids, _, void = video.annotations.read(0, video.size_hw)
    assert len(caught) == 1
    text = str(caught[0].message)
    assert str(tmp_path / "Annotations" / "v") in text
    assert "2x2" in text
    assert f"{WIDTH}x{HEIGHT}" in text
    assert ids.shape == void.shape == (HEIGHT, WIDTH)
    half_h, half_w = HEIGHT // 2, WIDTH // 2
    assert (ids[:half_h, half_w:] == 1).all()
    assert (ids[half_h:, :half_w] == 2).all()
    assert (ids[half_h:, half_w:] == 0).all()
    assert void[half_h:, half_w:].all()
    assert void.sum() == half_h * half_w


def test_frames_of_different_sizes_name_the_odd_one(tmp_path):
    write_video(tmp_path, "v", [square(1), None, None])
    odd = tmp_path / "JPEGImages" / "v" / "00001.jpg"
    write_frame(odd, 1, size_hw=(HEIGHT, WIDTH + 2))
    video = only_video(tmp_path)
    video.read_frame(0)
    with pytest.raises(DataError, match=rf"{odd}: frame is 34x24, the first frame.*32x24") as error:
        video.read_frame(1)
    assert len(str(error.value).splitlines()) == 1
    video.read_frame(2)


def test_unreadable_files_are_named(tmp_path):
    write_video(tmp_path, "v", [square(1), square(1)])
    frame, mask = tmp_path / "JPEGImages/v/00001.jpg", tmp_path / "Annotations/v/00001.png"
    frame.write_bytes(frame.read_bytes()[:200])
    mask.write_bytes(mask.read_bytes()[:-30])
    video = only_video(tmp_path)
    with pytest.raises(DataError, match=str(frame)):
        video.read_frame(1)
    with pytest.raises(DataError, match=str(mask)):
        ids_of(video, 1)


def test_unreadable_first_frame_is_named(tmp_path):
    write_video(tmp_path, "v", [square(1)])
    (tmp_path / "JPEGImages/v/00000.jpg").write_bytes(b"")
    with pytest.raises(DataError, match=r"00000\.jpg: empty file"):
        only_video(tmp_path).read_frame(0)


def test_one_frame_video(tmp_path):
    write_video(tmp_path, "v", [square(1)])
    video = only_video(tmp_path)
    video.check_prompts()
    assert len(video) == 1
    assert ids_of(video, 0).max() == 1


def test_broken_video_says_so_on_every_use():
    video = Video("v", [], problem="v: broken; mend it")
    for use in (video.check, video.check_prompts, lambda: video.size_hw):
        with pytest.raises(DataError, match="v: broken; mend it"):
            use()
    with pytest.raises(DataError, match="v: broken"):
        video.read_frame(0)


def test_video_without_mask_has_no_prompts(tmp_path):
    write_video(tmp_path, "v", [None, None])
    (tmp_path / "Annotations").mkdir()
    video = only_video(tmp_path)
    video.check()
    with pytest.raises(DataError, match=r"v: no annotation mask.*v/00000\.png"):
        video.check_prompts()


def test_pickles_small_and_the_same(tmp_path):
    names = [f"{i:05d}.jpg" for i in range(1000)]
    video = Video(
        "v",
        FolderFiles(tmp_path, names),
        PngMasks(tmp_path, (None, *names[1:])),
    )
    copy = pickle.loads(pickle.dumps(video))
    assert copy.frame_paths == video.frame_paths
    assert copy.annotations == video.annotations


def test_folder_files_are_a_sequence_of_paths(tmp_path):
    files = FolderFiles(tmp_path, ["a.jpg", "b.jpg", "c.jpg"])
    assert files[-1] == tmp_path / "c.jpg"
    assert list(files[1:]) == [tmp_path / "b.jpg", tmp_path / "c.jpg"]
    assert files == [tmp_path / "a.jpg", tmp_path / "b.jpg", tmp_path / "c.jpg"]
    assert files != [tmp_path / "a.jpg"]
    assert files != 3


@pytest.mark.skipif(not SHARED.exists(), reason="needs the shared sample data")
def test_real_mask_one_pixel_narrower_than_its_frame():
    video = only_video(SHARED / "incremental_judo")
    assert list(video.annotations) == [0, 5, 8, 13]
    with pytest.warns(UserWarning, match="judo: masks are 853x480, the image 854x480"):
        annotation = ids_of(video, 5)
    assert annotation.shape == (480, 854)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert ids_of(video, 0).shape == (480, 854)


@pytest.mark.skipif(not SHARED.exists(), reason="needs the shared sample data")
def test_real_void():
    root = SHARED / "davis17_void"
    (video,) = list_videos(
        VideoFolder(root / "JPEGImages/480p", annotations=root / "Annotations/480p", void_id=255)
    )
    ids, _, void = video.annotations.read(0, video.size_hw)
    assert np.unique(ids).tolist() == [0, 1, 2]
    assert void.any()

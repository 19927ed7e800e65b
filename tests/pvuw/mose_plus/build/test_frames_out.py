import dataclasses
import errno
import os

import cv2
import numpy as np
import pytest
from PIL import Image

from pvuw.errors import DataError, PvuwError
from pvuw.mose_plus.build.build_config import BuildConfig
from pvuw.mose_plus.build.frames_out import output_size, write_frames
from tests.pvuw.mose_plus.build_make import SIZE_HW, small_clip
from tests.pvuw.mose_plus.make import write_record


@pytest.fixture
def record(tmp_path):
    frames, id_maps = small_clip(3)
    return write_record(tmp_path / "source", id_maps, frames, annotated=(1, 3, 4))


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def gray(path):
    """Brightness, which JPEG keeps at full resolution, float `[H, W]`."""
    with Image.open(path) as image:
        return np.asarray(image.convert("L")).astype(float)


def test_links_are_the_same_files_in_annotated_order(record, folder):
    assert write_frames(record, folder, BuildConfig()) == 0
    assert names(folder) == ["00000.jpg", "00001.jpg", "00002.jpg"]
    for name, source in (("00000", 1), ("00001", 3), ("00002", 4)):
        assert (folder / f"{name}.jpg").samefile(record.frame_paths[source])
        assert not (folder / f"{name}.jpg").is_symlink()


def test_symlinks_point_at_the_file_itself(record, folder, tmp_path):
    alias = tmp_path / "alias"
    alias.symlink_to(record.frame_dir)
    aliased = dataclasses.replace(record, frame_dir=alias)
    assert write_frames(aliased, folder, BuildConfig(frames="symlink")) == 0
    assert (folder / "00000.jpg").readlink() == record.frame_paths[1]


def test_encoded_frames_look_like_the_source(record, folder):
    assert write_frames(record, folder, BuildConfig(frames="encode")) == 3
    source, written = gray(record.frame_paths[1]), gray(folder / "00000.jpg")
    assert not (folder / "00000.jpg").samefile(record.frame_paths[1])
    assert (
        np.abs(source - written).mean() < 2 < np.abs(gray(record.frame_paths[2]) - written).mean()
    )


def test_short_side_reduces_and_encodes(record, folder):
    assert write_frames(record, folder, BuildConfig(short_side=48)) == 3
    with Image.open(folder / "00000.jpg") as image:
        assert image.size == (80, 48)
    expected = gray(record.frame_paths[1]).reshape(48, 2, 80, 2).mean(axis=(1, 3))
    assert np.abs(gray(folder / "00000.jpg") - expected).mean() < 2


def test_small_enough_frames_are_linked_all_the_same(record, folder):
    assert write_frames(record, folder, BuildConfig(short_side=SIZE_HW[0])) == 0


def test_a_png_in_jpegs_clothes_is_encoded(record, folder):
    path = record.frame_paths[3]
    Image.open(path).convert("RGBA").save(path, format="PNG")
    assert write_frames(record, folder, BuildConfig()) == 1
    with Image.open(folder / "00001.jpg") as image:
        assert (image.format, image.mode) == ("JPEG", "RGB")


def test_frames_of_two_sizes_are_refused(record, folder):
    cv2.imwrite(str(record.frame_paths[4]), np.zeros((90, 160, 3), dtype=np.uint8))
    with pytest.raises(DataError, match=r"00004.jpg: frame is 160x90, the first .* is 160x96"):
        write_frames(record, folder, BuildConfig())


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_truncated_frame_is_refused_when_encoded(record, folder, kind):
    path = record.frame_paths[3]
    Image.open(path).convert("RGB").save(path, format=kind)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(DataError, match=r"00003\.jpg: "):
        write_frames(record, folder, BuildConfig(frames="encode"))


CUTS = {
    "last byte": lambda content: content[:-1],
    "second half": lambda content: content[: len(content) // 2],
    "second half lost in a copy": lambda content: content[: len(content) // 2] + bytes(500),
    "in the header": lambda content: content[:30],
}


@pytest.mark.parametrize("mode", ["link", "symlink"])
@pytest.mark.parametrize("cut", CUTS)
def test_a_truncated_frame_is_not_linked(record, folder, mode, cut):
    path = record.frame_paths[3]
    path.write_bytes(CUTS[cut](path.read_bytes()))
    with pytest.raises(DataError, match=r"00003\.jpg: ") as error:
        write_frames(record, folder, BuildConfig(frames=mode))
    assert "\n" not in str(error.value)
    assert names(folder) == ["00000.jpg"]


def test_the_end_of_a_thumbnail_is_not_that_of_the_frame(record, folder):
    path = record.frame_paths[3]
    content = path.read_bytes()
    thumbnail = b"\xff\xe1" + (2 + len(content)).to_bytes(2) + content
    assert thumbnail.endswith(b"\xff\xd9")
    path.write_bytes(content[:2] + thumbnail + content[2:])
    assert write_frames(record, folder, BuildConfig()) == 0
    path.write_bytes(path.read_bytes()[:-40])
    for frame in folder.iterdir():
        frame.unlink()
    with pytest.raises(DataError, match=r"00003\.jpg: truncated JPEG, its end is missing"):
        write_frames(record, folder, BuildConfig())


@pytest.mark.parametrize("behind", [b"\0" * 64, b"\n", b"maker notes"])
def test_bytes_behind_the_image_are_harmless(record, folder, behind):
    path = record.frame_paths[3]
    path.write_bytes(path.read_bytes() + behind)
    assert write_frames(record, folder, BuildConfig()) == 0


def test_a_16_bit_png_is_refused(record, folder):
    _, content = cv2.imencode(".png", np.zeros((*SIZE_HW, 3), dtype=np.uint16))
    record.frame_paths[1].write_bytes(content.tobytes())
    with pytest.raises(DataError, match="has 16 bits per channel"):
        write_frames(record, folder, BuildConfig())


def test_a_link_the_system_refuses_ends_the_run(record, folder, monkeypatch):
    def refuse(*args, **options):
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(PvuwError, match=r"set build.frames to symlink or encode") as caught:
        write_frames(record, folder, BuildConfig())
    assert not isinstance(caught.value, DataError)  # not the video's fault


def test_the_shorter_side_is_the_limit():
    assert output_size((1280, 720), 480) == (853, 480)

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pvuw.errors import DataError
from pvuw.io.frames import read_frame
from tests.pvuw.io.make import flip_byte

SHARED = Path(__file__).parents[4] / "shared" / "data"
PIXELS = np.random.default_rng(0).integers(0, 255, (50, 61, 3), dtype=np.uint8)


def save(path, mode="RGB", **options):
    Image.fromarray(PIXELS).convert(mode).save(path, **options)
    return path


def as_pillow_sees_it(path):
    with Image.open(path) as image:
        return torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1)


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("a.jpg", "RGB"),
        ("a.jpeg", "L"),
        ("a.jpg", "CMYK"),
        ("a.png", "RGB"),
        ("a.png", "RGBA"),
        ("a.png", "L"),
        ("a.png", "LA"),
        ("a.png", "P"),
        ("a.png", "1"),
    ],
)
def test_every_kind_of_image_is_rgb(tmp_path, name, mode):
    path = save(tmp_path / name, mode)
    frame = read_frame(path)
    assert frame.dtype == torch.uint8
    assert torch.equal(frame, as_pillow_sees_it(path))


def test_png_colours_are_exact_and_names_do_not_matter(tmp_path):
    path = save(tmp_path / "really_a_png.jpg", format="PNG")
    assert torch.equal(read_frame(path).permute(1, 2, 0), torch.from_numpy(PIXELS))


def test_bytes_behind_the_end_do_not_matter(tmp_path):
    path = save(tmp_path / "a.jpg")
    expected = read_frame(path)
    path.write_bytes(path.read_bytes() + b"\0" * 64)
    assert torch.equal(read_frame(path), expected)


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9, -2])
def test_truncated_jpeg_is_one_line(tmp_path, progressive, kept):
    path = save(tmp_path / "00007.jpg", progressive=progressive)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept) if isinstance(kept, float) else kept])
    with pytest.raises(DataError, match=r"00007\.jpg: truncated or damaged JPEG; ") as error:
        read_frame(path)
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize("kept", [0.5, 30, -20, -12])
def test_truncated_png_is_one_line(tmp_path, kept):
    path = save(tmp_path / "a.png")
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept) if isinstance(kept, float) else kept])
    with pytest.raises(DataError, match=r"a\.png: truncated or damaged PNG; ") as error:
        read_frame(path)
    assert len(str(error.value).splitlines()) == 1


def test_damaged_png_pixels_neither_pass_nor_crash(tmp_path):
    path = save(tmp_path / "a.png")
    flip_byte(path, path.stat().st_size // 2)
    with pytest.raises(DataError, match="truncated or damaged PNG"):
        read_frame(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty file"),
        (b"hello", "neither JPEG nor PNG"),
        (b"GIF89a..", "neither JPEG nor PNG"),
    ],
)
def test_no_image(tmp_path, content, words):
    (tmp_path / "a.jpg").write_bytes(content)
    with pytest.raises(DataError, match=rf"a\.jpg: {words}"):
        read_frame(tmp_path / "a.jpg")


def test_missing_file_folder_and_16_bit(tmp_path):
    with pytest.raises(DataError, match=r"gone\.jpg: no such file"):
        read_frame(tmp_path / "gone.jpg")
    with pytest.raises(DataError, match="cannot be read"):
        read_frame(tmp_path)
    Image.fromarray(PIXELS[..., 0].astype(np.uint16)).save(tmp_path / "deep.png")
    with pytest.raises(DataError, match="16 bits per channel"):
        read_frame(tmp_path / "deep.png")


@pytest.mark.skipif(not SHARED.exists(), reason="needs the shared sample data")
def test_real_frames_equal_pillow():
    paths = sorted(SHARED.rglob("*.jpg"))[::20]
    assert paths
    for path in paths:
        assert torch.equal(read_frame(path), as_pillow_sees_it(path)), path

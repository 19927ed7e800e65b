import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pvuw.io.masks as module
from pvuw.errors import DataError
from pvuw.io.masks import (
    davis_palette,
    image_size_hw,
    read_id_map,
    read_mask,
    resize_id_map,
    write_id_map,
)
from pvuw.io.png import read_header
from tests.pvuw.io.make import flip_byte, square

SHARED = Path(__file__).parents[4] / "shared" / "data"
needs_shared = pytest.mark.skipif(not SHARED.exists(), reason="needs the shared sample data")


def ids_up_to(count, size_hw=(21, 37)):
    ids = np.random.default_rng(count).integers(0, count, size_hw, dtype=np.uint8)
    ids.flat[:count] = np.arange(count)
    return ids


def palette_image(ids, num_colours=256):
    image = Image.fromarray(ids)
    image.putpalette(davis_palette()[:num_colours].tobytes())
    return image


def one_line(error):
    return len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
def test_palette_of_any_depth_gives_ids_as_stored(tmp_path, depth):
    ids = ids_up_to(2**depth)
    path = tmp_path / "mask.png"
    palette_image(ids, 2**depth).save(path, bits=depth)
    assert read_header(path).depth == depth
    np.testing.assert_array_equal(read_id_map(path), ids)


@pytest.mark.parametrize("count", [2, 3, 5, 17])
def test_palette_saved_with_optimise(tmp_path, count):
    ids = ids_up_to(count)
    path = tmp_path / "mask.png"
    palette_image(ids, count).save(path, optimize=True)
    assert (read_header(path).depth < 8) == (count <= 16)
    np.testing.assert_array_equal(read_id_map(path), ids)


def test_transparency_does_not_change_ids(tmp_path):
    ids = ids_up_to(9)
    palette_image(ids).save(tmp_path / "mask.png", transparency=0)
    np.testing.assert_array_equal(read_id_map(tmp_path / "mask.png"), ids)


@pytest.mark.parametrize("present", [[0, 1, 3, 7], [0, 255], [0, 1, 2, 255], [254, 255]])
def test_gaps_and_255_survive_writing_and_reading(tmp_path, present):
    ids = np.random.default_rng(0).choice(np.array(present, np.uint8), (40, 53))
    path = tmp_path / "deep" / "er" / "00000.png"
    write_id_map(path, ids)
    np.testing.assert_array_equal(read_id_map(path), ids)
    assert [file.name for file in path.parent.iterdir()] == ["00000.png"]


def test_written_file_is_an_8_bit_palette_png_in_davis_colours(tmp_path):
    write_id_map(tmp_path / "mask.png", square(1))
    header = read_header(tmp_path / "mask.png")
    assert (header.depth, header.colour_type, header.interlaced) == (8, 3, False)
    with Image.open(tmp_path / "mask.png") as image:
        assert image.getpalette() == davis_palette().ravel().tolist()
    assert davis_palette()[[1, 2, 3, 5, 255]].tolist() == [
        [128, 0, 0],
        [0, 128, 0],
        [128, 128, 0],
        [128, 0, 128],
        [224, 224, 192],
    ]


def test_failed_write_leaves_nothing(tmp_path, monkeypatch):
    def full_disk(*args, **kwargs):
        Path(args[1]).write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(Image.Image, "save", full_disk)
    with pytest.raises(OSError, match="disk full"):
        write_id_map(tmp_path / "mask.png", square(1))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("bad", [np.zeros((4, 4), np.int64), np.zeros((1, 4, 4), np.uint8)])
def test_writing_something_else_is_refused(tmp_path, bad):
    with pytest.raises(ValueError, match="uint8"):
        write_id_map(tmp_path / "mask.png", bad)


VALUES = np.array([[0, 1, 255], [2, 0, 255]], np.uint8)
FOREGROUND = np.array([[0, 0, 255], [0, 0, 255]], np.uint8)
OBJECT = (FOREGROUND == 255).astype(np.uint8)
NO_255 = np.where(VALUES == 255, 0, VALUES)


def save_as(path, stored, kind, png_writer):
    """Store values in a palette or grayscale PNG, interlaced ones going another way than others."""
    interlaced = kind.startswith("interlaced")
    colour_type = 3 if kind.endswith("palette") else 0
    png_writer(path, stored, depth=8, colour_type=colour_type, interlaced=interlaced)


@pytest.mark.parametrize("kind", ["palette", "gray", "interlaced palette", "interlaced gray"])
@pytest.mark.parametrize(
    ("void_id", "expected", "has_void"),
    [("auto", NO_255, True), (255, NO_255, True), (None, VALUES, False), (9, VALUES, False)],
)
def test_255_among_ids(tmp_path, kind, void_id, expected, has_void, png_writer):
    save_as(tmp_path / "mask.png", VALUES, kind, png_writer)
    ids, void = read_mask(tmp_path / "mask.png", void_id=void_id)
    np.testing.assert_array_equal(ids, expected)
    assert (void is not None) == has_void
    if has_void:
        np.testing.assert_array_equal(void, VALUES == 255)


@pytest.mark.parametrize(
    ("kind", "void_id", "expected", "has_void"),
    [
        ("gray", "auto", OBJECT, False),
        ("gray", None, OBJECT, False),
        ("gray", 9, OBJECT, False),
        ("gray", 255, 0 * OBJECT, True),
        ("interlaced gray", "auto", OBJECT, False),
        ("palette", "auto", 0 * OBJECT, True),
        ("palette", 255, 0 * OBJECT, True),
        ("palette", None, FOREGROUND, False),
    ],
)
def test_255_alone(tmp_path, kind, void_id, expected, has_void, png_writer):
    save_as(tmp_path / "mask.png", FOREGROUND, kind, png_writer)
    ids, void = read_mask(tmp_path / "mask.png", void_id=void_id)
    np.testing.assert_array_equal(ids, expected)
    assert (void is not None) == has_void


def test_another_value_can_be_void(tmp_path):
    write_id_map(tmp_path / "mask.png", VALUES)
    ids, void = read_mask(tmp_path / "mask.png", void_id=2)
    assert ids.tolist() == [[0, 1, 255], [0, 0, 255]]
    assert void.tolist() == [[False] * 3, [True, False, False]]


def test_254_and_255_are_not_guessed(tmp_path):
    write_id_map(tmp_path / "mask.png", np.array([[0, 254, 255]], np.uint8))
    with pytest.raises(DataError, match=r"mask\.png: holds both 254 and 255.*set the void id"):
        read_mask(tmp_path / "mask.png")
    assert read_mask(tmp_path / "mask.png", void_id=None).ids.tolist() == [[0, 254, 255]]
    assert read_mask(tmp_path / "mask.png", void_id=255).ids.tolist() == [[0, 254, 0]]


def test_predictions_are_read_as_stored(tmp_path):
    write_id_map(tmp_path / "mask.png", VALUES)
    np.testing.assert_array_equal(read_id_map(tmp_path / "mask.png"), VALUES)


@pytest.mark.parametrize("value", [0, 255])
def test_grayscale_of_one_value(tmp_path, value):
    Image.fromarray(np.full((3, 4), value, np.uint8)).save(tmp_path / "mask.png")
    assert np.unique(read_mask(tmp_path / "mask.png").ids).tolist() == [min(value, 1)]


def test_other_grayscale_values_are_ids(tmp_path):
    ids = np.array([[0, 1, 250], [2, 253, 0]], np.uint8)
    Image.fromarray(ids).save(tmp_path / "mask.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "mask.png").ids, ids)


@pytest.mark.parametrize("void_id", ["auto", None, 255])
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "I;16"])
def test_masks_of_colours_or_16_bits_are_refused_whatever_the_rule(tmp_path, mode, void_id):
    image = Image.fromarray(FOREGROUND.astype(np.uint16) if mode == "I;16" else FOREGROUND)
    (image if mode == "I;16" else image.convert(mode)).save(tmp_path / "mask.png")
    with pytest.raises(DataError, match=r"mask\.png: (holds .* colours|stores 16 bits)"):
        read_mask(tmp_path / "mask.png", void_id=void_id)


def test_1_bit_grayscale_is_a_foreground_mask(tmp_path):
    Image.fromarray(square(255)).convert("1").save(tmp_path / "mask.png")
    assert read_header(tmp_path / "mask.png")[:3] == (1, 0, False)
    np.testing.assert_array_equal(read_mask(tmp_path / "mask.png").ids, square(1))


@pytest.mark.parametrize("depth", [2, 4])
def test_short_grayscale_gives_what_is_stored(tmp_path, depth, png_writer):
    ids = ids_up_to(2**depth, (8, 16))
    png_writer(tmp_path / "mask.png", ids, depth=depth, colour_type=0)
    np.testing.assert_array_equal(read_id_map(tmp_path / "mask.png"), ids)


@pytest.mark.parametrize("size_hw", [(16, 24), (5, 3), (1, 1)])
def test_interlaced_palette(tmp_path, size_hw, png_writer):
    ids = np.random.default_rng(0).integers(0, 256, size_hw, dtype=np.uint8)
    png_writer(tmp_path / "mask.png", ids, depth=8, colour_type=3, interlaced=True)
    assert read_header(tmp_path / "mask.png").interlaced
    np.testing.assert_array_equal(read_id_map(tmp_path / "mask.png"), ids)


@pytest.mark.parametrize(
    ("mode", "words"),
    [("RGB", "RGB colours"), ("RGBA", "RGB with alpha"), ("LA", "grayscale with alpha")],
)
def test_colours_are_refused(tmp_path, mode, words):
    Image.fromarray(square(1)).convert(mode).save(tmp_path / "mask.png")
    with pytest.raises(DataError, match=rf"mask\.png.*{words}.*palette PNG") as error:
        read_id_map(tmp_path / "mask.png")
    assert one_line(error)


def test_16_bit_is_refused(tmp_path):
    Image.fromarray(square(1).astype(np.uint16)).save(tmp_path / "mask.png")
    with pytest.raises(DataError, match=r"mask\.png: stores 16 bits"):
        read_id_map(tmp_path / "mask.png")


@pytest.mark.parametrize("depth", [2, 8])
@pytest.mark.parametrize("kept", [0, 8, 20, 33, 0.5, -20, -12, -1])
def test_truncated_png_is_one_line(tmp_path, depth, kept):
    path = tmp_path / "mask.png"
    palette_image(ids_up_to(4, (64, 64)), 4).save(path, bits=depth)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept) if isinstance(kept, float) else kept])
    with pytest.raises(DataError, match=r"mask\.png") as error:
        read_id_map(path)
    assert one_line(error)


@pytest.mark.parametrize("depth", [2, 8])
def test_damaged_pixels_are_noticed(tmp_path, depth):
    path = tmp_path / "mask.png"
    palette_image(ids_up_to(4, (64, 64)), 4).save(path, bits=depth)
    flip_byte(path, -30)
    with pytest.raises(DataError, match=r"mask\.png: truncated or damaged"):
        read_id_map(path)


@pytest.mark.parametrize(("content", "words"), [(b"no image", "not a PNG"), (b"", "not a PNG")])
def test_other_content_is_refused(tmp_path, content, words):
    (tmp_path / "mask.png").write_bytes(content)
    with pytest.raises(DataError, match=words):
        read_id_map(tmp_path / "mask.png")


def test_jpeg_mask_is_refused(tmp_path):
    Image.fromarray(square(1)).save(tmp_path / "mask.png", format="JPEG")
    with pytest.raises(DataError, match="not a PNG"):
        read_id_map(tmp_path / "mask.png")


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(DataError, match=r"gone\.png: no such file"):
        read_id_map(tmp_path / "gone.png")
    with pytest.raises(DataError, match="cannot be read"):
        read_id_map(tmp_path)


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_image_size_comes_from_the_header(tmp_path, suffix):
    path = tmp_path / f"image{suffix}"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (90, 71, 3), np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:700])
    assert image_size_hw(path) == (90, 71)


@pytest.mark.parametrize("content", [b"", b"text"])
def test_image_size_of_no_image(tmp_path, content):
    with pytest.raises(DataError, match="no such file"):
        image_size_hw(tmp_path / "gone.jpg")
    (tmp_path / "image.jpg").write_bytes(content)
    with pytest.raises(DataError, match=r"neither JPEG nor PNG|empty file"):
        image_size_hw(tmp_path / "image.jpg")


def test_resizing_makes_no_new_ids():
    id_map = np.arange(24, dtype=np.uint8).reshape(3, 8)
    assert resize_id_map(id_map, (3, 8)) is id_map
    assert set(resize_id_map(id_map, (4, 5)).flat) <= set(id_map.flat)


@needs_shared
def test_real_masks_equal_pillow_and_take_the_fast_path(monkeypatch):
    paths = sorted(SHARED.rglob("*.png"))
    assert paths
    monkeypatch.setattr(module, "_read_with_pillow", None)  # calling it would fail
    for path in paths:
        with Image.open(path) as image:
            expected = np.array(image)
            if image.mode == "L":
                expected = (expected == 255).astype(np.uint8)
        np.testing.assert_array_equal(read_id_map(path), expected, err_msg=str(path))


def test_reading_and_listing_import_no_torch():
    code = (
        "import sys, pvuw.io.atomic, pvuw.io.listing, pvuw.io.masks, pvuw.io.prefetch;"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)

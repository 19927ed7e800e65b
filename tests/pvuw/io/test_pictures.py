import io
import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

from pvuw.errors import DataError
from pvuw.io.frames import read_frame
from pvuw.io.listing import VideoFolder, list_videos
from pvuw.io.masks import image_size_hw, read_mask, write_id_map
from pvuw.io.pictures import read_header, read_picture

PIXELS = np.random.default_rng(0).integers(0, 255, (40, 60, 3), dtype=np.uint8)


def exif_of(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def smooth(height=64, width=96):
    """A picture that survives JPEG and reduction: every corner has a colour of its own."""
    y, x = np.mgrid[:height, :width]
    return np.stack([255 * y // height, 255 * x // width, 0 * x + 90], axis=-1).astype(np.uint8)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_what_is_to_be_turned_is_refused_by_every_reader(tmp_path, orientation, kind):
    path = tmp_path / "00000.jpg"
    Image.fromarray(PIXELS).save(path, format=kind, exif=exif_of(orientation))
    for read in (read_frame, read_picture, read_header, image_size_hw):
        if orientation == 1:
            read(path)
        else:
            with pytest.raises(DataError, match=rf"00000\.jpg: .*orientation {orientation}\); if"):
                read(path)


def test_one_turned_frame_among_others_is_named(tmp_path):
    (tmp_path / "images" / "v").mkdir(parents=True)
    for number, orientation in enumerate((1, 1, 3)):
        path = tmp_path / "images" / "v" / f"{number}.jpg"
        Image.fromarray(PIXELS).save(path, exif=exif_of(orientation))
    (video,) = list_videos(VideoFolder(tmp_path / "images"))
    video.read_frame(1)
    with pytest.raises(DataError, match=r"2\.jpg: .*EXIF orientation 3"):
        video.read_frame(2)


def test_a_mask_that_lies_where_its_picture_stands_is_refused(tmp_path):
    (tmp_path / "images" / "v").mkdir(parents=True)
    Image.fromarray(PIXELS).save(tmp_path / "images" / "v" / "0.jpg")
    write_id_map(tmp_path / "masks" / "v" / "0.png", np.ones((60, 40), np.uint8))
    (video,) = list_videos(VideoFolder(tmp_path / "images", tmp_path / "masks"))
    with pytest.raises(DataError, match=r"0\.png: the mask is 40x60, its image 60x40, so it was"):
        video.annotations.id_map(0, video.size_hw)


@pytest.mark.parametrize("divisor", [1, 2, 4, 8])
def test_a_reduced_picture_is_large_enough(tmp_path, divisor):
    path = tmp_path / "a.jpg"
    Image.fromarray(smooth(640, 960)).save(path, quality=95)
    wanted = (960 // divisor, 640 // divisor)
    picture = read_picture(path, min_wh=wanted)
    assert picture.size == wanted
    expected = Image.fromarray(smooth(640, 960)).resize(wanted, Image.Resampling.BOX)
    difference = np.asarray(picture, dtype=int) - np.asarray(expected, dtype=int)
    assert abs(difference).max() <= 8  # what JPEG at this quality loses


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ((0x0112, 3, 1, 6), 6),
        ((0x0112, 3, 1, 0), 1),  # no orientation there is
        ((0x0112, 3, 1, 9), 1),
        ((0x0112, 4, 1, 6), 6),  # as a longer number, which some programs write
        ((0x0112, 1, 1, 6), 1),  # of another type
        ((0x0100, 3, 1, 6), 1),  # another field
    ],
)
def test_orientation_in_both_byte_orders(tmp_path, order, entry, expected):
    tag, kind, count, value = entry
    tiff = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}IH", 8, 1)
    field = struct.pack(
        order + ("I" if kind == 4 else "HH"), *([value] if kind == 4 else [value, 0])
    )
    tiff += struct.pack(f"{order}HHI", tag, kind, count) + field + b"\0\0\0\0"
    path = tmp_path / "a.jpg"
    Image.fromarray(PIXELS).save(path, exif=b"Exif\0\0" + tiff)
    with Image.open(path) as image:
        turned = ImageOps.exif_transpose(image).size != image.size
    assert turned == (expected >= 5)  # what another program makes of it
    if expected == 1:
        assert read_header(path).orientation == 1
    else:
        with pytest.raises(DataError, match=f"EXIF orientation {expected}"):
            read_header(path)


@pytest.mark.parametrize(
    "tiff", [b"", b"II*\0", b"II*\0\xff\xff\xff\xff", b"MM\0*\0\0\0\x08\xff\xff"]
)
def test_broken_exif_turns_nothing(tmp_path, tiff):
    path = tmp_path / "a.jpg"
    Image.fromarray(PIXELS).save(path, exif=b"Exif\0\0" + tiff)
    assert read_header(path).orientation == 1
    assert read_frame(path).shape == (3, 40, 60)


def test_the_thumbnail_in_a_picture_is_not_the_picture(tmp_path):
    small = io.BytesIO()
    Image.fromarray(PIXELS[:8, :10]).save(small, "JPEG")
    path = tmp_path / "a.jpg"
    Image.fromarray(PIXELS).save(
        path, exif=b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0" + small.getvalue()
    )
    assert read_header(path).size_hw == (40, 60)


def test_the_first_of_several_pictures_in_a_jpeg_is_taken(tmp_path):
    path = tmp_path / "a.jpg"
    others = [Image.fromarray(PIXELS[:20, :20])]
    Image.fromarray(smooth()).save(path, format="MPO", save_all=True, append_images=others)
    assert read_frame(path).shape == (3, 64, 96)
    assert read_header(path).size_hw == (64, 96)


def test_an_animated_png_is_refused(tmp_path):
    path = tmp_path / "a.png"
    frames = [Image.fromarray(np.roll(PIXELS, 9 * i, 1)) for i in range(3)]
    frames[0].save(path, save_all=True, append_images=frames[1:])
    for read in (read_frame, read_picture, read_header):
        with pytest.raises(DataError, match=r"a\.png: an animation of several pictures; export"):
            read(path)


@pytest.mark.parametrize("kind", ["WEBP", "TIFF", "BMP", "GIF", "PPM", "JPEG2000"])
def test_other_kinds_under_a_jpeg_name_are_refused(tmp_path, kind):
    path = tmp_path / "00000.jpg"
    Image.fromarray(PIXELS).save(path, format=kind)
    for read in (read_frame, read_picture, read_header):
        with pytest.raises(DataError, match=r"00000\.jpg: neither JPEG nor PNG"):
            read(path)


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("progressive", [False, True])
def test_kinds_of_jpeg_read_alike_by_both_decoders(tmp_path, mode, progressive):
    path = tmp_path / "a.jpg"
    Image.fromarray(smooth()).convert(mode).save(path, progressive=progressive, quality=90)
    frame = read_frame(path).permute(1, 2, 0)
    assert torch.equal(frame, torch.from_numpy(np.array(read_picture(path))))
    assert abs(frame.numpy().astype(int).mean((0, 1)) - smooth().mean((0, 1))).max() < (
        2 if mode == "RGB" else 200
    )


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_kinds_of_png_show_their_colours(tmp_path, mode):
    path = tmp_path / "a.png"
    picture = Image.fromarray(np.where(smooth() > 127, 255, 0).astype(np.uint8)).convert(mode)
    options = {"transparency": 0} if mode == "P" else {}
    picture.save(path, **options)
    expected = torch.from_numpy(np.array(picture.convert("RGB")))
    assert torch.equal(read_frame(path).permute(1, 2, 0), expected)


def test_16_bit_and_interlaced_png(tmp_path, png_writer):
    deep = tmp_path / "deep.png"
    Image.fromarray(np.full((4, 5), 40_000, np.uint16)).save(deep)
    for read in (read_frame, read_picture):
        with pytest.raises(DataError, match=r"deep\.png: has 16 bits per channel; export"):
            read(deep)
    values = np.arange(9 * 11, dtype=np.uint8).reshape(9, 11)
    png_writer(tmp_path / "i.png", values, depth=8, colour_type=0, interlaced=True)
    assert torch.equal(read_frame(tmp_path / "i.png")[0], torch.from_numpy(values))


@pytest.mark.parametrize("transparency", [None, b"\xff\0"])
def test_a_png_that_lost_its_palette_is_damaged(tmp_path, transparency):
    path = tmp_path / "a.png"
    Image.fromarray(smooth()[..., 0]).convert("P").save(path, transparency=transparency)
    content = path.read_bytes()
    start = content.index(b"PLTE") - 4
    (length,) = struct.unpack_from(">I", content, start)
    path.write_bytes(content[:start] + content[start + 12 + length :])
    for read in (read_frame, read_picture):
        with pytest.raises(DataError, match=r"a\.png: truncated or damaged PNG"):
            read(path)


def huge_png(side):
    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + data


@pytest.mark.parametrize("side", [0, 12_000, 20_000, 2**31 - 1])
def test_a_header_does_not_ask_for_all_memory(tmp_path, side):
    path = tmp_path / "a.png"
    path.write_bytes(huge_png(side))
    for read in (read_frame, read_picture, read_header, read_mask):
        with pytest.raises(DataError, match=rf"a\.png: says it is {side}x{side} pixels"):
            read(path)


def test_a_jpeg_does_not_ask_for_all_memory(tmp_path):
    path = tmp_path / "a.jpg"
    Image.fromarray(PIXELS).save(path)
    content = bytearray(path.read_bytes())
    at = content.index(b"\xff\xc0") + 5
    content[at : at + 4] = b"\xff\xff\xff\xff"
    path.write_bytes(content)
    with pytest.raises(DataError, match="says it is 65535x65535 pixels"):
        read_frame(path)

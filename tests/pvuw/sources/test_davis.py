import numpy as np
import pytest
from PIL import Image

from pvuw.errors import DataError
from pvuw.sources import SourceSpec, open_source
from tests.pvuw.sources.layouts import (
    NOTHING,
    assert_masks,
    box,
    ids_of,
    write_frames,
    write_video,
)

LEFT, RIGHT, EDGE = box(2, 2, 10, 10), box(4, 12, 20, 30), box(0, 0, 2, 32)


def folders(root, resolution="480p"):
    return root / "JPEGImages" / resolution, root / "Annotations" / resolution


def write_list(root, split, lines, *, folder="2017"):
    path = root / "ImageSets" / folder / f"{split}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


def read(root, source="davis_2017", **options):
    return list(open_source(SourceSpec(source, root, **options)).records())


def test_255_is_void_and_no_object(tmp_path):
    frame = ids_of((1, LEFT), (2, RIGHT), (255, EDGE))
    write_video(*folders(tmp_path), "tennis", {"00000": frame})
    write_list(tmp_path, "train", ["tennis"])
    (record,) = read(tmp_path)
    assert [info.source_id for info in record.objects] == ["1", "2"]
    assert_masks(record, 0, {1: LEFT, 2: RIGHT})
    assert np.array_equal(record.read_void(0), EDGE)


def test_only_the_sequences_of_the_list_are_read(tmp_path):
    for name in ("bear", "bus", "cat-girl"):
        write_video(*folders(tmp_path), name, {"00000": ids_of((1, LEFT))})
    write_list(tmp_path, "train", ["bus", "", "bear "])
    write_list(tmp_path, "val", ["cat-girl"])
    assert [record.video_id for record in read(tmp_path)] == ["bear", "bus"]
    assert [record.video_id for record in read(tmp_path, split="val")] == ["cat-girl"]


def test_full_resolution_is_another_folder(tmp_path):
    write_video(*folders(tmp_path, "Full-Resolution"), "bear", {"00000": ids_of((1, LEFT))})
    write_list(tmp_path, "train", ["bear"])
    (record,) = read(tmp_path, variant="Full-Resolution")
    assert "Full-Resolution" in str(record.frame_dir)
    with pytest.raises(DataError, match="480p: no such folder"):
        read(tmp_path)
    with pytest.raises(DataError, match="no resolution '720p'; set `variant` to 480p or Full"):
        read(tmp_path, variant="720p")


@pytest.mark.parametrize(
    ("folder", "lines"),
    [
        (
            "480p",
            [
                f"/JPEGImages/480p/bear/0000{t}.jpg /Annotations/480p/bear/0000{t}.png"
                for t in (0, 1)
            ],
        ),
        ("2016", ["bear"]),
    ],
)
def test_grayscale_masks_of_2016_hold_one_object(tmp_path, folder, lines):
    images, annotations = folders(tmp_path)
    write_frames(images / "bear", ["00000.jpg", "00001.jpg"])
    (annotations / "bear").mkdir(parents=True)
    for name, mask in (("00000", LEFT), ("00001", NOTHING)):
        image = Image.fromarray(mask.astype(np.uint8) * 255)
        assert image.mode == "L"
        image.save(annotations / "bear" / f"{name}.png")
    write_list(tmp_path, "train", lines, folder=folder)
    (record,) = read(tmp_path, "davis_2016")
    assert_masks(record, 0, {1: LEFT})
    assert_masks(record, 1, {})
    assert record.read_void(0) is None


def test_test_dev_gives_prompts_only(tmp_path):
    write_video(*folders(tmp_path), "aerobatics", {"00000": ids_of((1, LEFT)), "00001": None})
    write_list(tmp_path, "test-dev", ["aerobatics"])
    (record,) = read(tmp_path, split="test-dev")
    assert record.prompts_only
    assert record.annotated == (0,)


def test_a_missing_list_or_sequence_is_named(tmp_path):
    write_video(*folders(tmp_path), "bear", {"00000": ids_of((1, LEFT))})
    with pytest.raises(DataError, match=r"ImageSets/2017/train\.txt: no such file"):
        read(tmp_path)
    write_list(tmp_path, "train", ["bear", "bus"])
    with pytest.raises(DataError, match="'bus' has no folder"):
        read(tmp_path)
    write_list(tmp_path, "train", [""])
    with pytest.raises(DataError, match="names no video"):
        read(tmp_path)


def test_the_licence_and_rate_are_those_of_davis(tmp_path):
    write_video(*folders(tmp_path), "bear", {"00000": ids_of((1, LEFT))})
    write_list(tmp_path, "train", ["bear"])
    (record,) = read(tmp_path)
    assert "BSD" in record.licence
    assert record.fps == 24

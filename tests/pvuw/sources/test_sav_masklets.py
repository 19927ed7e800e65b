import pytest

from pvuw.errors import DataError
from pvuw.sources import SourceSpec, open_source
from tests.pvuw.sources.layouts import (
    NOTHING,
    SIZE,
    assert_masks,
    box,
    compressed,
    write_frames,
    write_json,
)

LEFT, RIGHT, SMALL = box(2, 2, 10, 10), box(4, 6, 20, 30), box(5, 7, 8, 9)
MASKS = [[LEFT, NOTHING, RIGHT], [NOTHING, NOTHING, RIGHT], [SMALL, NOTHING, RIGHT]]


def write(root, video_id="sav_000001", *, numbers=range(9), kind="manual", masks=MASKS):
    if numbers is not None:
        write_frames(
            root / "JPEGImages_24fps" / video_id, [f"{number:05d}.jpg" for number in numbers]
        )
    content = {
        "video_id": video_id,
        "video_frame_count": 9.0,
        "video_height": float(SIZE[0]),
        "video_width": float(SIZE[1]),
        "masklet": [[compressed(mask) for mask in frame] for frame in masks],
        "masklet_id": [0, 1, 2],
    }
    return write_json(root / "sav_000" / f"{video_id}_{kind}.json", content)


def read(root, **options):
    return list(open_source(SourceSpec("sav", root, **options)).records())


@pytest.mark.parametrize("nested", ["", "sav_train"])
def test_a_mask_of_area_zero_is_absence_and_sizes_are_floats(tmp_path, nested):
    write(tmp_path / nested)
    (record,) = read(tmp_path)
    assert record.annotated == (0, 4, 8)
    assert [(i.object_id, i.source_id) for i in record.objects] == [(1, "0"), (2, "2")]
    assert_masks(record, 0, {1: LEFT, 2: RIGHT})
    assert_masks(record, 4, {2: RIGHT})
    assert_masks(record, 8, {1: SMALL, 2: RIGHT})
    assert record.read_id_map(8)[6, 8] == 1
    assert "CC BY 4.0" in record.licence


@pytest.mark.parametrize(
    ("numbers", "annotated"),
    [
        ((0, 4, 8), (0, 1, 2)),  # the annotated frames only, under their own numbers
        ((0, 1, 2), (0, 1, 2)),  # extracted at 6 fps
        (range(12), (0, 4, 8)),
        ((0, 1, 2, 3, 4), (0, 4)),
    ],
)
def test_frames_find_their_masks_by_number(tmp_path, numbers, annotated):
    write(tmp_path, numbers=numbers)
    (record,) = read(tmp_path)
    assert record.annotated == annotated
    assert_masks(record, annotated[1], {2: RIGHT})


def test_frames_numbered_from_one_are_refused(tmp_path):
    write(tmp_path, numbers=range(1, 10))
    with pytest.raises(DataError, match=r"numbered from 00000, got .*-start_number 0"):
        read(tmp_path)


def test_videos_that_are_not_extracted_are_named_with_the_command(tmp_path):
    write(tmp_path, numbers=None)
    with pytest.raises(DataError, match=r"sav_000001\.mp4: its frames are not extracted") as error:
        read(tmp_path)
    assert f"ffmpeg -i {tmp_path}/sav_000/sav_000001.mp4" in str(error.value)
    assert f"{tmp_path}/JPEGImages_24fps/sav_000001/%05d.jpg" in str(error.value)
    assert "\n" not in str(error.value)
    assert read(tmp_path, exclude=["sav_000001"]) == []


def test_manual_and_automatic_masklets_are_two_variants(tmp_path):
    write(tmp_path, "sav_000001")
    write(tmp_path, "sav_000001", kind="auto", masks=[[LEFT, LEFT, LEFT]] * 3)
    assert len(read(tmp_path)[0].objects) == 2
    assert len(read(tmp_path, variant="auto")[0].objects) == 3
    with pytest.raises(DataError, match="no masklets 'both'; set `variant` to manual or auto"):
        read(tmp_path, variant="both")


def test_a_root_without_annotations_is_named(tmp_path):
    with pytest.raises(DataError, match=r"no file sav_\*/\*_manual\.json"):
        read(tmp_path)

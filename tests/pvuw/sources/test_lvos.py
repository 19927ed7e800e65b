import pytest

from pvuw.errors import DataError
from pvuw.sources import SourceSpec, open_source
from tests.pvuw.sources.layouts import assert_masks, box, ids_of, write_json, write_video

LEFT, RIGHT = box(2, 2, 10, 10), box(4, 12, 20, 30)


def write(root, split, video_id, id_maps):
    base = root / split
    write_video(base / "JPEGImages", base / "Annotations", video_id, id_maps)


def read(root, **options):
    return list(open_source(SourceSpec("lvos", root, **options)).records())


@pytest.fixture
def root(tmp_path):
    frames = {
        "00000007": ids_of((1, LEFT)),
        "00000013": ids_of((1, LEFT), (2, RIGHT)),
        "00000100": ids_of((2, RIGHT)),
    }
    write(tmp_path, "val", "0tCWPOrc", frames)
    return tmp_path


def test_names_of_eight_digits_from_anywhere_order_the_frames(root):
    (record,) = read(root, split="val")
    assert record.frame_names == ("00000007", "00000013", "00000100")
    assert record.annotated == (0, 1, 2)
    assert not record.prompts_only
    assert_masks(record, 1, {1: LEFT, 2: RIGHT})
    assert_masks(record, 2, {2: RIGHT})
    assert "CC BY 4.0" in record.licence


def test_meta_lists_the_videos_where_it_exists(root):
    write(root, "val", "other", {"00000001": ids_of((1, LEFT))})
    assert len(read(root, split="val")) == 2
    ranges = {"start": "00000007", "end": "00000100", "frame_nums": 3}
    meta = {"videos": {"0tCWPOrc": {"objects": {"1": {"frame_range": ranges}}}}}
    write_json(root / "val" / "val_meta.json", meta)
    assert [record.video_id for record in read(root, split="val")] == ["0tCWPOrc"]
    write_json(root / "val" / "val_meta.json", {"videos": {"gone": {}}})
    with pytest.raises(DataError, match="'gone' has no folder"):
        read(root, split="val")

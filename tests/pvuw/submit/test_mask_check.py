import pytest
from PIL import Image

from pvuw.errors import DataError
from pvuw.io.masks import write_id_map
from pvuw.submit.mask_check import MaskTask, check_masks, read_submitted_mask
from tests.pvuw.io.make import square, write_frame


def test_mask_as_we_write_it_is_accepted(tmp_path):
    write_id_map(tmp_path / "a.png", square(255))
    assert (read_submitted_mask(tmp_path / "a.png") == square(255)).all()


def test_missing_mask_is_named(tmp_path):
    with pytest.raises(DataError, match=r"a\.png: no such file"):
        read_submitted_mask(tmp_path / "a.png")


def test_size_comes_from_each_image_or_from_the_video(tmp_path):
    mask, frame = tmp_path / "0.png", tmp_path / "0.jpg"
    write_id_map(mask, square(1))
    write_frame(frame, 0, size_hw=(20, 20))
    ids = frozenset([1])
    (problem,) = check_masks(MaskTask("a", [mask], [frame], None, ids)).problems
    assert "mask is 32x24, its frame 20x20" in problem
    found = check_masks(MaskTask("a", [mask], [frame], (24, 32), ids))
    assert (found.problems, found.seen_ids) == ([], {1})


def test_unreadable_image_is_a_problem(tmp_path):
    mask, frame = tmp_path / "0.png", tmp_path / "0.jpg"
    write_id_map(mask, square(1))
    frame.write_bytes(b"")
    (problem,) = check_masks(MaskTask("a", [mask], [frame], None, frozenset([1]))).problems
    assert problem.startswith(f"{frame}: empty file")


@pytest.mark.parametrize(("object_id", "fits"), [(19, True), (20, False), (21, False)])
def test_an_id_needs_a_colour_of_its_own(tmp_path, object_id, fits):
    """A palette of twenty colours names the ids 0 to 19."""
    mask, frame = tmp_path / "0.png", tmp_path / "0.jpg"
    picture = Image.fromarray(square(object_id))
    picture.putpalette([value for i in range(20) for value in (i, 2 * i, 3 * i)])
    picture.save(mask, bits=8)
    write_frame(frame, 0, size_hw=(24, 32))
    found = check_masks(MaskTask("a", [mask], [frame], None, frozenset([object_id])))
    assert (found.problems == []) == fits
    if not fits:
        assert f"id {object_id}, but a palette of 20 colours" in found.problems[0]

import subprocess
import sys

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from pvuw.errors import DataError
from pvuw.io.mask_store import region_of
from pvuw.io.masks import fit_mask
from pvuw.io.rle import (
    ANY_SIZE,
    checked_rle,
    decode,
    encode,
    has_pixels,
    measure,
    run_lengths,
    to_rle,
)


def random_masks(count, seed=0):
    rng = np.random.default_rng(seed)
    for _ in range(count):
        size = rng.integers(1, 40, 2)
        yield rng.random(size) < rng.choice([0.0, 0.05, 0.5, 1.0])


def runs_of(mask):
    """Column-major run lengths, background first, computed without pycocotools."""
    pixels = mask.T.reshape(-1)
    runs, value, length = [], False, 0
    for pixel in pixels:
        if pixel != value:
            runs.append(length)
            value, length = pixel, 0
        length += 1
    return [*runs, length]


def test_runs_are_those_of_the_pixels():
    for mask in random_masks(60):
        assert run_lengths(encode(mask)["counts"]).tolist() == runs_of(mask)


def test_all_spellings_of_a_mask_give_the_same_runs():
    for mask in random_masks(60, seed=1):
        size, expected = list(mask.shape), encode(mask)
        spellings = [
            {"size": size, "counts": runs_of(mask)},
            {"size": size, "counts": expected["counts"].decode()},
            {"size": size, "counts": expected["counts"]},
            expected["counts"].decode(),  # BURST: no size of its own
            {"counts": runs_of(mask)},
        ]
        for spelling in spellings:
            found = to_rle(spelling, mask.shape)
            if mask.any():
                assert found == expected
                assert np.array_equal(decode(found), mask)
            else:
                assert found is None


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_decoding_gives_the_pixels_of_pycocotools():
    for mask in [*random_masks(60, seed=4), np.zeros((3, 4), dtype=bool)]:
        rle = encode(mask)
        assert np.array_equal(decode(rle), coco_mask.decode(rle) != 0)


def test_decoded_masks_are_bool_of_the_stored_size():
    mask = decode(encode(np.eye(3, 5, dtype=bool)))
    assert mask.dtype == np.bool_
    assert mask.shape == (3, 5)


def test_a_polygon_is_filled():
    rle = to_rle([[1, 1, 5, 1, 5, 5, 1, 5], [7, 7, 9, 7, 9, 9, 7, 9]], (10, 12))
    expected = np.zeros((10, 12), dtype=bool)
    expected[1:5, 1:5] = expected[7:9, 7:9] = True
    assert np.array_equal(decode(rle), expected)


@pytest.mark.parametrize(
    "absent",
    [
        None,
        [],
        [[]],
        [[1, 1, 5, 1]],  # four numbers are a box to pycocotools, and no area to anyone else
        {"size": [4, 3], "counts": [12]},
        {"size": [4, 3], "counts": "<"},
        {"size": [4, 3], "counts": [12, 0]},
        "<",
    ],
    ids=str,
)
def test_every_way_to_say_absent_is_none(absent):
    assert to_rle(absent, (4, 3)) is None
    assert not has_pixels(absent, (4, 3), place="a.json")


def test_listing_agrees_with_reading():
    for mask in random_masks(40, seed=2):
        for spelling in (
            {"size": list(mask.shape), "counts": encode(mask)["counts"].decode()},
            {"size": list(mask.shape), "counts": runs_of(mask)},
        ):
            assert has_pixels(spelling, mask.shape, place="a.json") == mask.any()


@pytest.mark.parametrize(
    ("damaged", "words"),
    [
        ({"size": [4, 3], "counts": [3, 2]}, "cover 5 pixels of a 3x4 mask"),
        ({"size": [4, 3], "counts": [3, 20]}, "cover 23 pixels"),
        ({"size": [4, 3], "counts": [14, -2]}, "must be whole numbers"),
        ({"size": [4, 3], "counts": [3, 9.0]}, "must be whole numbers"),
        ({"size": [4, 3], "counts": ["12"]}, "must be whole numbers"),
        ({"size": [4, 3], "counts": []}, "cover 0 pixels"),
        ({"size": [3, 4], "counts": [3, 9]}, r"`size` is \[3, 4\].*\[4, 3\]: they are swapped"),
        ({"size": [3, 4], "counts": "39"}, "they are swapped"),
        ({"size": [8, 6], "counts": [3, 45]}, r"\[4, 3\]: it is of another frame"),
        ({"size": [4, 4], "counts": "31"}, "it is of another frame"),
        ({"size": 4, "counts": "<"}, "`size` must be"),
        ({"size": [4.0, 3.0], "counts": "<"}, "`size` must be"),
        ({"size": [True, 3], "counts": "<"}, "`size` must be"),
        ([[1, 1, 5, 1, 1e9, 1e9]], "far outside of the frame"),
        ([[1, 1, 5, 1, float("nan"), 2]], "far outside of the frame"),
        ([[1, 1, 5, "1", 2, 2]], "far outside of the frame"),
        ({"size": [4, 3], "counts": ""}, "not a complete"),
        ({"size": [4, 3], "counts": "3P"}, "not a complete"),
        ({"size": [4, 3], "counts": "3 "}, "not a complete"),
        ({"size": [4, 3], "counts": "é"}, "not a complete"),
        ({"size": [4, 3], "counts": "ooooooooooo0"}, "longer than any image"),
        ({"size": [4, 3]}, "no `counts`"),
        ({"size": [4], "counts": "<"}, "`size` must be"),
        ({"size": [4, 3], "counts": 7}, "got int"),
        ([[1, 1, 5]], "x and y in turn"),
        ([{"counts": "<"}], "x and y in turn"),
        (7, "got int"),
    ],
    ids=str,
)
def test_a_damaged_mask_is_refused_by_name(damaged, words):
    with pytest.raises(DataError, match=words) as error:
        checked_rle(damaged, (4, 3), place="a.json: annotation 5")
    assert str(error.value).startswith("a.json: annotation 5: ")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("size_hw", [(24, 0), (0, 24), (2**15, 2**15)])
def test_a_polygon_in_a_frame_without_pixels_or_end_is_refused(size_hw):
    with pytest.raises(DataError, match=rf"its size is {size_hw[1]}x{size_hw[0]}"):
        checked_rle([[0, 0, 5, 0, 5, 5]], size_hw, place="a.json")


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_pycocotools_alone_would_invent_pixels():
    """The reason for checking runs here: pixels behind the last run are whatever was in memory."""
    short = {"size": [500, 500], "counts": b"11"}
    assert coco_mask.decode(short).shape == (500, 500)  # no complaint
    with pytest.raises(DataError):
        checked_rle(short, (500, 500), place="a.json")


def test_measures_are_those_of_the_pixels():
    for mask in random_masks(80, seed=3):
        if mask.any():
            assert measure(encode(mask)) == region_of(mask)


@pytest.mark.parametrize(
    ("old", "new"), [((7, 5), (13, 9)), ((13, 9), (7, 5)), ((4, 853), (4, 854))]
)
def test_resizing_is_torch_nearest_exact(old, new):
    torch = pytest.importorskip("torch")
    ids = np.random.default_rng(0).integers(0, 9, old, dtype=np.uint8)
    tensor = torch.from_numpy(ids)[None, None]
    expected = torch.nn.functional.interpolate(tensor, new, mode="nearest-exact")[0, 0]
    with pytest.warns(UserWarning, match="resized"):
        assert np.array_equal(fit_mask(ids, new, place="a"), expected.numpy())


def test_a_mask_of_the_right_size_is_passed_through():
    ids = np.zeros((2, 3), dtype=np.uint8)
    assert fit_mask(ids, (2, 3), place="a") is ids


def test_torch_is_not_imported():
    code = "import sys, pvuw.io.rle_masks; sys.exit('torch' in sys.modules or 'cv2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_mask_that_alone_tells_its_size_asks_for_no_memory_without_end():
    huge = {"size": [2**20, 2**20], "counts": [2**40]}
    with pytest.raises(DataError, match="its size is 1048576x1048576"):
        checked_rle(huge, ANY_SIZE, place="a.json: annotation 5")
    assert checked_rle({"size": [2, 2], "counts": [1, 3]}, ANY_SIZE, place="a.json") is not None


@pytest.mark.parametrize("counts", ["P", "111P", "o" * 40, "P\0" + "1" * 3000])
def test_looking_for_pixels_never_reads_beyond_a_cut_string(counts):
    with pytest.raises(DataError, match="not a complete"):
        has_pixels({"size": [2, 2], "counts": counts}, (2, 2), place="a.json")

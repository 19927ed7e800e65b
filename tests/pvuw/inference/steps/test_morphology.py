import numpy as np
import pytest
import torch

from pvuw.inference.steps import CloseGaps, FillHoles, RemoveSmallParts


def drawn(text):
    rows = [line.strip() for line in text.strip().splitlines()]
    return torch.tensor(
        [[int(c) if c != "." else 0 for c in row] for row in rows], dtype=torch.uint8
    )


def shown(id_map):
    return ["".join(str(v) if v else "." for v in row) for row in id_map.tolist()]


CASES = {
    "a gap of one pixel is beyond a kernel of two": (
        """
        .......
        .11.22.
        .11.22.
        .......
        """,
        # Both grow to the right and down: 1 into the gap, 2 away from it, so they do not overlap.
        """
        .......
        .11.22.
        .11.22.
        .......
        """,
    ),
    "touching objects overlap and the higher id wins": (
        """
        ......
        .1122.
        .1122.
        ......
        """,
        # dilate(1) = columns 1-3, rows 1-3; dilate(2) = columns 3-5, rows 1-3: overlap column 3.
        """
        ......
        .1122.
        .1122.
        ...2..
        """,
    ),
    "the lower id loses its edge where it lies to the right": (
        """
        ......
        .2211.
        .2211.
        ......
        """,
        """
        ......
        .2221.
        .2221.
        ...2..
        """,
    ),
    "diagonal neighbours are adjacent": (
        """
        .....
        .1...
        ..2..
        .....
        """,
        # dilate(1) = rows 1-2, columns 1-2; dilate(2) = rows 2-3, columns 2-3: overlap is (2, 2).
        """
        .....
        .1...
        ..2..
        .....
        """,
    ),
    "objects far apart stay": ("11...\n11.22", "11...\n11.22"),
}


@pytest.mark.parametrize("name", CASES)
def test_closing_gaps_gives_the_drawn_answer(name):
    before, after = CASES[name]
    assert shown(CloseGaps().apply(drawn(before))) == shown(drawn(after))


def test_kernel_three_closes_a_gap_of_two_pixels_from_both_sides():
    before = drawn("1..2\n1..2\n1..2")
    assert shown(CloseGaps(3).apply(before)) == ["1..2"] * 3  # each reaches its own side only
    assert shown(CloseGaps(5).apply(before)) == ["1222"] * 3


def test_no_gap_is_left_between_objects_a_pixel_apart_with_a_symmetric_kernel():
    before = drawn("11.22\n11.22\n11.22")
    assert 0 not in CloseGaps(3).apply(before)[:, 1:4]


@pytest.mark.parametrize("kernel", [2, 3, 4])
def test_merging_equals_the_report_written_out_pixel_by_pixel(kernel):
    rng = np.random.default_rng(kernel)
    ids = rng.choice([0, 0, 0, 2, 5, 9], size=(12, 15)).astype(np.uint8)

    def dilate(mask):
        grown = np.zeros_like(mask)
        low, high = kernel // 2, kernel - 1 - kernel // 2
        for y, x in np.argwhere(mask):
            grown[max(y - high, 0) : y + low + 1, max(x - high, 0) : x + low + 1] = True
        return grown

    expected = np.zeros_like(ids)
    for k in (2, 5, 9):
        overlap = dilate(ids == k) & dilate((ids != k) & (ids > 0))
        expected[(ids == k) | overlap] = k
    assert np.array_equal(CloseGaps(kernel).apply(torch.from_numpy(ids)).numpy(), expected)


def test_a_single_object_and_an_empty_map_stay():
    for text in ("....\n.11.\n....", "...\n..."):
        assert torch.equal(CloseGaps().apply(drawn(text)), drawn(text))


def test_small_holes_inside_one_object_are_filled():
    before = drawn("111111\n1.1..1\n1.1..1\n111111")
    assert shown(FillHoles(2).apply(before)) == ["111111", "111..1", "111..1", "111111"]
    assert 0 not in FillHoles(4).apply(before)


def test_a_gap_between_two_objects_or_at_the_edge_is_no_hole():
    for text in ("1111\n1..2\n2222", ".111\n1111"):
        assert torch.equal(FillHoles(9).apply(drawn(text)), drawn(text))


def test_fragments_go_and_the_largest_part_stays():
    before = drawn("1111..1\n1111...\n....22.")
    after = RemoveSmallParts(0.2).apply(before)
    assert shown(after) == ["1111...", "1111...", "....22."]
    assert torch.equal(RemoveSmallParts(0.1).apply(before), before)


def test_fragments_above_the_area_stay_however_small_their_share():
    before = drawn("11111.11\n11111...\n11111.1.")
    assert shown(RemoveSmallParts(0.5, max_area=1).apply(before)) == [
        "11111.11",
        "11111...",
        "11111...",
    ]
    assert shown(RemoveSmallParts(0.5, max_area=2).apply(before)) == ["11111..."] * 3


@pytest.mark.parametrize(
    "bad", [lambda: CloseGaps(1), lambda: FillHoles(0), lambda: RemoveSmallParts(1.0)]
)
def test_settings_without_meaning_are_refused(bad):
    with pytest.raises(ValueError, match="must be"):
        bad()

from pathlib import Path

import numpy as np
import pytest

from pvuw.io.masks import read_id_map
from pvuw.traits.appearance import ColourAndTexture, largest_similarity, masks_at_size
from pvuw.traits.pixels import read_reduced
from tests.helpers.noise import SUMMATION

SHARED = Path(__file__).parents[4] / "shared" / "data"
SIZE = (60, 90)


def halves(left, right):
    """A frame and masks of two objects side by side, painted by two functions of (y, x)."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1] // 2]
    frame = np.concatenate([left(y, x), right(y, x)], axis=1).astype(np.uint8)
    first = np.zeros(SIZE, bool)
    first[:, : SIZE[1] // 2] = True
    return frame, {1: first, 2: ~first}


def plain(red, green, blue):
    return lambda y, x: np.broadcast_to(np.array([red, green, blue]), (*y.shape, 3))


def stripes(along):
    def paint(y, x):
        level = 128 + 60 * np.sign(np.sin({"x": x, "y": y}[along] / 2))
        return np.repeat(level[..., None], 3, axis=-1)

    return paint


def cosine(left, right):
    return largest_similarity(ColourAndTexture()(*halves(left, right)))


def test_the_same_object_twice_is_alike_in_everything():
    assert cosine(stripes("x"), stripes("x")) == pytest.approx(1, abs=0.01)


def test_another_colour_costs_the_share_of_colour():
    assert cosine(plain(200, 40, 40), plain(40, 40, 200)) < 0.6
    assert cosine(plain(200, 40, 40), plain(190, 45, 45)) > 0.9  # nearly the same red


def test_turned_texture_costs_the_share_of_texture():
    turned = cosine(stripes("x"), stripes("y"))
    assert 0.7 < turned < 0.85  # a quarter is texture
    assert cosine(stripes("y"), stripes("y")) > turned + 0.1


def test_rows_have_length_one_and_the_order_of_the_masks():
    frame, masks = halves(stripes("x"), plain(10, 200, 10))
    rows = ColourAndTexture()(frame, masks)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=SUMMATION)
    swapped = ColourAndTexture()(frame, dict(reversed(masks.items())))
    np.testing.assert_array_equal(rows, swapped[::-1])


def test_background_beside_the_object_does_not_count():
    frame, masks = halves(plain(200, 40, 40), plain(200, 40, 40))
    masks = {i: mask & (np.arange(SIZE[0])[:, None] < 30) for i, mask in masks.items()}
    other = frame.copy()
    other[32:] = (0, 255, 0)
    np.testing.assert_allclose(
        ColourAndTexture()(frame, masks), ColourAndTexture()(other, masks), atol=SUMMATION
    )


def test_objects_too_small_to_describe_are_left_out():
    id_map = np.zeros((40, 40), np.uint8)
    id_map[:8, :8], id_map[20:22, 20:22] = 1, 2
    assert {i: int(m.sum()) for i, m in masks_at_size(id_map, (20, 20)).items()} == {1: 16}


@pytest.mark.skipif(not SHARED.is_dir(), reason="real clips are not at hand")
def test_swans_are_more_alike_than_horse_and_rider():
    def mean(images, annotations):
        values = []
        for path in sorted((SHARED / annotations).glob("*.png"))[::6]:
            frame = read_reduced(
                SHARED / images / path.with_suffix(".jpg").name, "RGB", min_side=240
            )
            masks = masks_at_size(read_id_map(path), frame.shape[:2])
            values.append(largest_similarity(ColourAndTexture()(frame, masks)))
        return np.mean(values)

    swans = mean("moselike_composite/JPEGImages/swans", "moselike_composite/Annotations/swans")
    horse = mean(
        "mini_davis/JPEGImages/480p/horsejump-high", "mini_davis/Annotations/480p/horsejump-high"
    )
    assert swans > 0.98
    assert horse < 0.8

from dataclasses import replace

import numpy as np
import pytest

from pvuw.sample.actors import Look, Part, Pose
from pvuw.sample.exact import Draw
from pvuw.sample.noise import TILE
from pvuw.sample.raster import composite, darken_ground, rasterize
from pvuw.sample.species import SPECIES, individual, new_kind
from tests.helpers.noise import DEEP, SUMMATION
from tests.pvuw.sample.oracle import distance

SIZE = (90, 120)
TEXELS = 2e-3
"""Share of pixels on the border of two texels, which may take the other one's roughness."""


def disc(**changes):
    colors = np.array([[(200, 100, 50), (200, 100, 50)]], np.float32)
    look = Look((Part((0.0, 0.0), (1.0, 1.0)),), colors, np.zeros((TILE, TILE), np.float32))
    return replace(look, **changes)


def pose_at(x, y, scale=10.0, **changes):
    return replace(Pose((x, y), scale, angle=0.0, facing=1.0, cycle=0.0), **changes)


def full_mask(layer, size_hw):
    mask = np.zeros(size_hw, bool)
    top, left, bottom, right = layer.box
    mask[top:bottom, left:right] = layer.mask
    return mask


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", SPECIES)
def test_masks_are_the_outline_worked_out_another_way(name, seed):
    draw = Draw(seed)
    look = individual(draw, new_kind(draw, name))
    pose = Pose(
        (draw.uniform(0, 120), draw.uniform(0, 90)),
        draw.uniform(3.0, 40.0),
        angle=draw.uniform(0, 1),
        facing=draw.sign() * draw.uniform(0.4, 1.0),
        cycle=draw.uniform(0, 1),
    )
    out = distance(look, pose, SIZE)
    layer = rasterize(look, pose, SIZE)
    mask = full_mask(layer, SIZE)
    assert mask.any()
    # Away from the outline by more than float32 can err.
    sure = np.abs(out - 1.0) > 1e-3
    right = (mask == (out <= 1.0))[sure].mean()
    assert right == pytest.approx(1.0, abs=TEXELS if look.rough else 0)
    assert sure.mean() > 0.99


def test_a_disc_covers_its_area_and_shows_its_colour():
    layer = rasterize(disc(), pose_at(60.0, 45.0, scale=20.0), SIZE)
    assert layer.opacity.sum() == pytest.approx(np.pi * 400, rel=0.01)
    assert layer.mask.sum() == pytest.approx(np.pi * 400, rel=0.01)
    ratio = layer.color[layer.mask] / layer.color[layer.mask][:, :1]
    np.testing.assert_allclose(ratio, np.tile([1.0, 0.5, 0.25], (len(ratio), 1)), rtol=SUMMATION)


def test_light_comes_from_above_left():
    layer = rasterize(disc(), pose_at(60.0, 45.0, scale=20.0), SIZE)
    red = layer.color[..., 0] / np.maximum(layer.opacity[..., 0], 1e-6)
    middle_row, middle_col = red.shape[0] // 2, red.shape[1] // 2
    assert red[middle_row - 10, middle_col] > red[middle_row + 10, middle_col] + 20
    assert red[middle_row, middle_col - 10] > red[middle_row, middle_col + 10] + 20


def test_motion_blur_smears_the_picture_and_not_the_truth():
    still = rasterize(disc(), pose_at(60.0, 45.0), SIZE)
    moving = rasterize(disc(), pose_at(60.0, 45.0, travel=(12.0, 0.0)), SIZE)
    np.testing.assert_array_equal(full_mask(still, SIZE), full_mask(moving, SIZE))
    assert moving.opacity.sum() == pytest.approx(still.opacity.sum(), rel=DEEP)
    touched = (moving.opacity > 0).any(axis=(0, 2)).sum()
    assert touched - (still.opacity > 0).any(axis=(0, 2)).sum() == 12
    assert (moving.opacity > 0).any(axis=(1, 2)).sum() == (still.opacity > 0).any(axis=(1, 2)).sum()


@pytest.mark.parametrize("position", [(0.0, 45.0), (119.0, 0.0), (60.0, 89.0), (-6.0, -5.0)])
@pytest.mark.parametrize("travel", [(0.0, 0.0), (9.0, -7.0), (200.0, 200.0)])
def test_the_border_cuts_off_what_a_larger_frame_shows(position, travel):
    layer = rasterize(disc(), pose_at(*position, travel=travel), SIZE)
    x, y = position
    larger = rasterize(disc(), pose_at(x + 50, y + 50, travel=travel), (190, 220))
    whole = np.zeros((190, 220, 4), np.float32)
    top, left, bottom, right = larger.box
    whole[top:bottom, left:right] = np.concatenate([larger.color, larger.opacity], -1)
    cut = np.zeros((*SIZE, 4), np.float32)
    top, left, bottom, right = layer.box
    cut[top:bottom, left:right] = np.concatenate([layer.color, layer.opacity], -1)
    np.testing.assert_allclose(cut, whole[50:-50, 50:-50], atol=0.05)


@pytest.mark.parametrize("position", [(-30.0, 45.0), (150.0, 45.0), (60.0, -30.0), (60.0, 130.0)])
def test_nothing_outside_the_frame(position):
    assert rasterize(disc(), pose_at(*position), SIZE) is None


def test_later_parts_cover_earlier_ones():
    colors = np.array([[(250, 0, 0)] * 2, [(0, 250, 0)] * 2], np.float32)
    parts = (Part((0.0, 0.0), (1.0, 1.0)), Part((0.5, 0.0), (0.3, 0.3), tone=1))
    layer = rasterize(disc(parts=parts, colors=colors), pose_at(60.0, 45.0), SIZE)
    frame = np.zeros((*SIZE, 3), np.float32)
    composite(frame, layer)
    assert frame[45, 65, 1] > 100 > frame[45, 65, 0]
    assert frame[45, 55, 0] > 100 > frame[45, 55, 1]


def test_composite_replaces_inside_and_keeps_outside():
    frame = np.full((*SIZE, 3), 77.0, np.float32)
    layer = rasterize(disc(), pose_at(60.0, 45.0), SIZE)
    composite(frame, layer)
    assert (frame[:30] == 77.0).all()
    assert frame[45, 60, 0] > 100
    assert frame[45, 60, 2] < 77


def test_shadows_lie_under_the_feet():
    frame = np.full((*SIZE, 3), 100.0, np.float32)
    darken_ground(frame, disc(), pose_at(60.0, 45.0))
    dark = np.argwhere(frame[..., 0] < 95.0)
    assert np.abs(dark.mean(axis=0) - (55.0, 60.0)).max() < 1.0
    assert frame.min() >= 60.0
    assert (frame[:50] == 100.0).all()


def test_shadows_outside_the_frame_change_nothing():
    frame = np.full((*SIZE, 3), 100.0, np.float32)
    darken_ground(frame, disc(), pose_at(60.0, 200.0))
    darken_ground(frame, disc(), pose_at(-90.0, 45.0))
    assert (frame == 100.0).all()

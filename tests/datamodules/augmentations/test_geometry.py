import math

import pytest
import torch
from torchvision.transforms.functional import InterpolationMode, affine

from datamodules.augmentations.geometry import (
    GeometryConfig,
    GeometryDraw,
    keeps_objects,
    move_frames,
    move_planes,
    source_grid,
    source_matrix,
)

HEIGHT, WIDTH = 60, 90


def a_draw(degrees=0.0, shear=0.0, scale=1.0, flip=False):
    return GeometryDraw(flip, degrees, shear, scale, size_position=0.0)


def grid_of(draw, new_size_hw=(HEIGHT, WIDTH), aspect=1.0):
    matrix = source_matrix(draw, size_hw=(HEIGHT, WIDTH), new_size_hw=new_size_hw, aspect=aspect)
    return source_grid(matrix[None].float(), new_size_hw)


MOVES = [
    a_draw(),
    a_draw(degrees=25),
    a_draw(degrees=-17, shear=20),
    a_draw(shear=-20, scale=0.77),
    a_draw(degrees=90, scale=1.23),
]


@pytest.mark.parametrize("draw", MOVES)
def test_moves_as_torchvision_does(draw):
    frames = torch.randint(0, 256, (1, 2, 3, HEIGHT, WIDTH), dtype=torch.uint8)
    planes = torch.rand(1, 2, 3, HEIGHT, WIDTH) < 0.5

    def reference(images, mode):
        arguments = draw.degrees, [0, 0], draw.scale, [draw.shear, 0.0]
        return affine(images[0].float(), *arguments, interpolation=mode, fill=None)[None]

    moved = move_frames(frames[0].float(), grid_of(draw)[0], (0, 0, 0))
    torch.testing.assert_close(
        moved, reference(frames, InterpolationMode.BILINEAR)[0], atol=0.05, rtol=0
    )
    same = move_planes(planes, grid_of(draw)) == reference(planes, InterpolationMode.NEAREST).bool()
    assert same.float().mean() > 0.999  # a centre between two pixels may round either way


def test_identity_changes_nothing():
    frames = torch.randint(0, 256, (2, 2, 3, HEIGHT, WIDTH), dtype=torch.uint8)
    planes = torch.rand(2, 2, 3, HEIGHT, WIDTH) < 0.5
    grid = grid_of(a_draw()).expand(2, -1, -1, -1)
    torch.testing.assert_close(
        move_frames(frames[0].float(), grid[0], (9, 9, 9)), frames[0].float(), atol=0.02, rtol=0
    )
    assert move_planes(planes, grid).equal(planes)


def expected_place(x, y, draw, new_size_hw=(HEIGHT, WIDTH), aspect=1.0):
    """Where a point of the source lands: stretch, shear, turn, zoom, squeeze, resize; by hand."""
    turn, lean = math.radians(draw.degrees), math.radians(draw.shear)
    from_x, from_y = aspect * (x - WIDTH / 2), y - HEIGHT / 2
    from_x -= math.tan(lean) * from_y
    to_x = draw.scale * (math.cos(turn) * from_x - math.sin(turn) * from_y) / aspect
    to_y = draw.scale * (math.sin(turn) * from_x + math.cos(turn) * from_y)
    new_height, new_width = new_size_hw
    return (to_x + WIDTH / 2) * new_width / WIDTH, (to_y + HEIGHT / 2) * new_height / HEIGHT


def centroid(weights):
    rows = torch.arange(weights.shape[0])[:, None] + 0.5
    columns = torch.arange(weights.shape[1])[None] + 0.5
    total = weights.sum()
    return float((weights * columns).sum() / total), float((weights * rows).sum() / total)


@pytest.mark.parametrize("draw", MOVES)
@pytest.mark.parametrize("aspect", [1.0, 1.78])
@pytest.mark.parametrize("new_size_hw", [(HEIGHT, WIDTH), (75, 120)])
def test_a_grid_lands_on_its_masks_within_half_a_pixel(draw, aspect, new_size_hw):
    corners = [(x, y) for y in range(18, 40, 9) for x in range(36, 54, 8)]  # of squares of 5x5
    squares = torch.zeros(1, 1, len(corners), HEIGHT, WIDTH, dtype=torch.bool)
    for slot, (x, y) in enumerate(corners):
        squares[0, 0, slot, y : y + 5, x : x + 5] = True
    picture = squares.any(2, keepdim=True).expand(-1, -1, 3, -1, -1).to(torch.uint8) * 255

    grid = grid_of(draw, new_size_hw, aspect)
    masks = move_planes(squares, grid)[0, 0]
    frame = move_frames(picture[0].float(), grid[0], (0, 0, 0))[0, 0]

    for slot, (x, y) in enumerate(corners):
        wanted = expected_place(x + 2.5, y + 2.5, draw, new_size_hw, aspect)
        assert math.dist(centroid(masks[slot].float()), wanted) < 0.5
        nearby = masks[slot].float()[None, None]
        nearby = torch.nn.functional.max_pool2d(nearby, 3, stride=1, padding=1)[0, 0] > 0
        assert math.dist(centroid(frame * nearby), wanted) < 0.5
    wrong = (frame > 127.5) ^ masks.any(0)
    assert wrong[(frame < 1) | (frame > 254)].sum() == 0  # they differ on blended pixels alone


def test_a_rotation_turns_the_scene_not_the_squeezed_picture():
    # A scene twice as wide, squeezed: its vertical bar, turned by 90 degrees, is a horizontal one
    # of the same length in the scene, so half as many columns as the bar had rows.
    bar = torch.zeros(1, 1, 1, HEIGHT, WIDTH, dtype=torch.bool)
    bar[..., 10:50, 44:46] = True  # 40 scene units high, 4 wide
    moved = move_planes(bar, grid_of(a_draw(degrees=90), aspect=2.0))[0, 0, 0]
    assert moved.any(0).sum() == 20
    assert moved.any(1).sum() == 4


def test_outside_is_fill_for_frames_and_background_for_masks():
    frames = torch.full((1, 1, 3, HEIGHT, WIDTH), 200, dtype=torch.uint8)
    planes = torch.ones(1, 1, 2, HEIGHT, WIDTH, dtype=torch.bool)
    grid = grid_of(a_draw(scale=0.5))
    frame = move_frames(frames[0].float(), grid[0], (123, 116, 103))[0]
    assert frame[:, 0, 0].tolist() == [123, 116, 103]
    assert frame[:, HEIGHT // 2, WIDTH // 2].tolist() == [200, 200, 200]
    inside = torch.zeros(HEIGHT, WIDTH, dtype=torch.bool)
    inside[15:45] = True
    inside[:, :22] = inside[:, 68:] = False
    disagree = (move_planes(planes, grid)[0, 0] != inside).sum(dim=(1, 2))
    assert (disagree <= 2 * 30).all()  # the columns half inside may fall either way


@pytest.mark.parametrize("count", [0, 1, 8, 9, 30])
def test_any_number_of_overlapping_planes_moves_alike(count):
    planes = torch.rand(2, 3, count, 12, 14) < 0.5
    planes[:, :, 1:2] = planes[:, :, :1]  # two that cover each other
    matrix = source_matrix(
        a_draw(degrees=30, shear=10), size_hw=(12, 14), new_size_hw=(9, 21), aspect=1.3
    )
    grid = source_grid(matrix[None].float().expand(2, -1, -1), (9, 21))
    moved = move_planes(planes, grid)
    assert moved.dtype == torch.bool
    assert moved.shape == (2, 3, count, 9, 21)
    for slot in range(count):
        alone = move_planes(planes[:, :, slot, None], grid)
        assert moved[:, :, slot, None].equal(alone)


def test_says_which_clips_keep_their_objects():
    masks = torch.zeros(4, 2, HEIGHT, WIDTH, dtype=torch.bool)
    masks[:, 0, 28:32, 43:47] = True  # in the centre of every clip
    masks[1, 1, :2, :2] = True  # in a corner: a turn loses it
    masks[2, 1, 25:35, :] = True  # a turn loses a part of it
    grid = grid_of(a_draw(degrees=25)).expand(4, -1, -1, -1)
    assert keeps_objects(masks, grid).tolist() == [True, False, True, True]
    assert keeps_objects(masks[:, :0], grid).tolist() == [True] * 4


def test_draws_cover_their_ranges():
    config = GeometryConfig(affine=0.5, scale=(0.8, 1.2))
    draws = [GeometryDraw.draw(config, torch.Generator().manual_seed(seed)) for seed in range(2000)]
    moved = [draw for draw in draws if draw.degrees]
    assert 0.46 < sum(draw.flip for draw in draws) / 2000 < 0.54
    assert 0.46 < len(moved) / 2000 < 0.54
    for name, low, high in (("degrees", -25, 25), ("shear", -20, 20), ("scale", 0.8, 1.2)):
        values = torch.tensor([getattr(draw, name) for draw in moved])
        assert low <= values.min() < low + 0.05 * (high - low), name
        assert high >= values.max() > high - 0.05 * (high - low), name
        torch.testing.assert_close(
            values.mean(), torch.tensor((low + high) / 2), atol=0.05 * (high - low), rtol=0
        )


def test_switching_one_option_leaves_the_other_draws_alone():
    def draw(**options):
        return GeometryDraw.draw(GeometryConfig(**options), torch.Generator().manual_seed(5))

    base, other = draw(), draw(flip=0.0, shear=0.0)
    assert (base.degrees, base.scale, base.size_position) == (
        other.degrees,
        other.scale,
        other.size_position,
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"flip": 1.5}, "geometry.flip must be in 0..1, got 1.5"),
        ({"affine": -1}, "geometry.affine must be in 0..1, got -1"),
        ({"degrees": 181}, "geometry.degrees must be in 0..180, got 181"),
        ({"shear": 90}, "geometry.shear must be at least 0 and below 90, got 90"),
        ({"scale": (0, 1)}, "geometry.scale must rise"),
        ({"scale": (1.2, 0.8)}, "geometry.scale must rise"),
        ({"short_sides": (512, 0)}, "geometry.short_sides must be above 0"),
        ({"fill_rgb": (0, 0, 256)}, "geometry.fill_rgb must be in 0..255"),
    ],
)
def test_refuses_impossible_numbers(options, message):
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        GeometryConfig(**options)

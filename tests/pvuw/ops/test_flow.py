"""Optical flow as colours, and masks moved along it."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from pvuw.ops.flow import flow_to_rgb, move_masks

GOLDEN = Path(os.environ.get("PVUW_GOLDEN", Path(__file__).parents[4] / "shared/golden/public"))


def colors_of(*vectors):
    """Colours of single vectors, drawn together with one of length 100 that sets the scale."""
    flow = torch.tensor([*vectors, (0.0, 100.0)]).T[:, None]
    return [tuple(color) for color in flow_to_rgb(flow)[:, 0].T.tolist()][:-1]


def test_hues_of_the_wheel():
    """Baker et al.: red to the right, yellow down, cyan to the left, blue-violet up."""
    right, down, left, up = colors_of((100, 0), (0, 100), (-100, 0), (0, -100))
    assert right == (255, 0, 0)
    assert down[0] == 255
    assert down[1] > 200
    assert down[2] == 0
    assert left[0] == 0
    assert left[1] > 200
    assert left[2] == 255
    assert up[2] == 255
    assert up[1] == 0


def test_slow_is_pale_and_rest_is_white():
    still, slow, fast = colors_of((0, 0), (25, 0), (75, 0))
    assert still == (255, 255, 255)
    assert slow[0] == fast[0] == 255
    assert slow[1] == pytest.approx(0.75 * 255, abs=1)
    assert fast[1] == pytest.approx(0.25 * 255, abs=1)


def test_a_frame_without_motion_is_white():
    assert (flow_to_rgb(torch.zeros(2, 4, 5)) == 255).all()


def test_colors_do_not_depend_on_scale():
    flow = torch.randn(2, 9, 7)
    difference = flow_to_rgb(flow).int() - flow_to_rgb(flow * 50).int()
    assert difference.abs().max() <= 1  # the epsilon


@pytest.mark.golden
@pytest.mark.skipif(not (GOLDEN / "flow_encoding").is_dir(), reason="no golden cases here")
def test_equal_to_flow_viz_of_raft():
    arrays = np.load(GOLDEN / "flow_encoding" / "flow.npz")
    names = [name.removeprefix("flow/") for name in arrays.files if name.startswith("flow/")]
    assert names
    for name in names:
        found = flow_to_rgb(torch.from_numpy(arrays[f"flow/{name}"])).numpy()
        assert np.array_equal(found, arrays[f"rgb/{name}"]), name


def constant(vector, size_hw=(12, 14)):
    return torch.tensor(vector, dtype=torch.float32)[:, None, None].expand(2, *size_hw)


def square(top, left, edge=4, size_hw=(12, 14)):
    mask = torch.zeros(1, *size_hw, dtype=torch.bool)
    mask[0, top : top + edge, left : left + edge] = True
    return mask


def test_masks_move_with_the_flow():
    assert torch.equal(move_masks(square(2, 3), constant((5.2, -1.4))), square(1, 8))


def test_what_leaves_the_frame_is_gone():
    assert not move_masks(square(2, 3), constant((0, 40.0))).any()
    assert move_masks(square(2, 3), constant((9.0, 0))).sum() == 8


def test_a_growing_object_has_no_cracks():
    rows, columns = torch.meshgrid(torch.arange(12.0), torch.arange(14.0), indexing="ij")
    flow = torch.stack([columns - 5, rows - 5])  # twice as large, around (5, 5)
    moved = move_masks(square(4, 4, edge=3), flow)
    assert torch.equal(moved, square(3, 3, edge=5))


def test_masks_keep_their_slots():
    masks = torch.cat([square(0, 0), square(5, 5), square(0, 0) & False])
    moved = move_masks(masks, constant((1.0, 2.0)))
    assert torch.equal(moved, torch.cat([square(2, 1), square(7, 6), square(0, 0) & False]))
    assert move_masks(masks[:0], constant((1.0, 2.0))).shape == (0, 12, 14)

"""Our geometry against the transforms SAM 2 trains with, at the same draws."""

import math
from importlib.util import find_spec

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from datamodules.augmentations.geometry import (
    GeometryDraw,
    move_frames,
    move_planes,
    source_grid,
    source_matrix,
)

pytestmark = pytest.mark.skipif(
    find_spec("tensordict") is None, reason="needs the 'reference' extra (tensordict)"
)

SIZE_HW, SIDE, BACK = (180, 320), 96, (123, 116, 103)


def smooth_frame():
    noise = np.random.default_rng(0).integers(0, 256, (7, 12, 3), dtype=np.uint8)
    return cv2.resize(noise, SIZE_HW[::-1], interpolation=cv2.INTER_CUBIC)


def disc():
    rows, columns = np.mgrid[: SIZE_HW[0], : SIZE_HW[1]]
    return ((rows - 70) ** 2 + (columns - 190) ** 2 < 30**2).astype(np.uint8)


def theirs(frame, mask, degrees, shear):
    """Frame and mask after SAM 2's affine and resize: at full size first, then squeezed."""
    from training.dataset.transforms import RandomAffine, RandomResizeAPI
    from training.utils.data_utils import Frame, Object, VideoDatapoint

    objects = [Object(1, 0, torch.from_numpy(mask.copy()))]
    clip = VideoDatapoint([Frame(Image.fromarray(frame), objects)], 0, SIZE_HW)
    affine = RandomAffine(
        [degrees, degrees],
        consistent_transform=True,
        shear=[shear, shear],
        image_interpolation="bilinear",
    )
    clip = affine(clip)
    clip = RandomResizeAPI(SIDE, consistent_transform=True, square=True)(clip)
    moved = clip.frames[0]
    return np.asarray(moved.data).astype(float), moved.objects[0].segment.numpy().astype(bool)


def ours(frame, mask, degrees, shear):
    """The same as we do it: squeezed by the loader first, moved in the scene's proportions."""
    squeezed = cv2.resize(frame, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    small = cv2.resize(mask, (SIDE, SIDE), interpolation=cv2.INTER_NEAREST_EXACT)
    matrix = source_matrix(
        GeometryDraw(False, degrees, shear, 1.0, 0.0),
        size_hw=(SIDE, SIDE),
        new_size_hw=(SIDE, SIDE),
        aspect=SIZE_HW[1] / SIZE_HW[0],
    )
    grid = source_grid(matrix[None].float(), (SIDE, SIDE))
    frames = torch.from_numpy(squeezed).permute(2, 0, 1)[None].float()
    moved = move_frames(frames, grid[0], BACK)[0].permute(1, 2, 0).numpy()
    planes = torch.from_numpy(small).bool()[None, None, None]
    return moved, move_planes(planes, grid)[0, 0, 0].numpy()


@pytest.mark.parametrize(("degrees", "shear"), [(0, 0), (25, 0), (-25, 0), (0, 20), (17, -13)])
def test_a_clip_moves_as_in_sam2s_training(degrees, shear):
    frame, mask = smooth_frame(), disc()
    their_frame, their_mask = theirs(frame, mask, degrees, shear)
    our_frame, our_mask = ours(frame, mask, degrees, shear)
    difference = np.abs(our_frame - their_frame).max(axis=-1)
    assert np.median(difference) < 2  # grey levels: two interpolations in another order
    assert (difference > 12).mean() < 0.04  # the edge of the fill
    overlap = (our_mask & their_mask).sum() / (our_mask | their_mask).sum()
    assert overlap > 0.93
    our_centre, their_centre = (np.argwhere(m).mean(axis=0) for m in (our_mask, their_mask))
    assert math.dist(our_centre, their_centre) < 0.5

import numpy as np
import pytest

from datamodules.clip_sampling import ClipConfig
from datamodules.datasets.geometry import (
    ClipTransform,
    Window,
    draw_window,
    resize_ids,
    resized_hw,
)


@pytest.mark.parametrize(
    ("fit", "size_hw", "expected"),
    [
        ("stretch", (480, 854), (256, 256)),
        ("crop", (480, 854), (256, 455)),
        ("keep", (480, 854), (256, 455)),
        ("keep", (854, 480), (455, 256)),
        ("crop", (100, 100), (256, 256)),
        ("keep", (37, 91), (256, 630)),
    ],
)
def test_resized_size(fit, size_hw, expected):
    assert resized_hw(size_hw, ClipConfig(size=256, fit=fit)) == expected


@pytest.mark.parametrize("size_hw", [(64, 96), (24, 200)])
def test_crops_are_squares_inside_the_frame_with_the_target(size_hw):
    config = ClipConfig(size=24, fit="crop")
    target = np.zeros(size_hw, bool)
    target[5, 40] = True
    windows = {draw_window(np.random.default_rng(i), config, target=target) for i in range(500)}
    for window in windows:
        assert window.bottom - window.top == window.right - window.left == 24
        assert 0 <= window.top <= 5 < window.bottom <= size_hw[0]
        assert 0 <= window.left <= 40 < window.right <= size_hw[1]
    assert {window.left for window in windows} == set(range(17, 41))
    assert {window.top for window in windows} == set(range(min(5, size_hw[0] - 24) + 1))


@pytest.mark.parametrize("fit", ["stretch", "keep"])
def test_nothing_is_cropped_otherwise(fit):
    target = np.ones((24, 30), bool)
    window = draw_window(np.random.default_rng(0), ClipConfig(size=24, fit=fit), target=target)
    assert window == Window(0, 0, 24, 30)


@pytest.mark.parametrize("flip", [False, True])
def test_frames_and_masks_go_the_same_way(flip):
    ids = np.zeros((20, 30), np.uint8)
    ids[4:10, 3:9] = 200
    frames = [np.repeat(ids[..., None], 3, axis=2)] * 2
    images, masks = ClipTransform((40, 60), Window(2, 4, 32, 44), flip=flip)(frames, [ids] * 3)
    assert images.shape == (2, 30, 40, 3)
    assert masks.shape == (3, 30, 40)
    assert set(np.unique(masks)) == {0, 200}
    rows, columns = np.nonzero(masks[0])
    assert (rows.min(), rows.max()) == (6, 17)
    assert (columns.min(), columns.max()) == ((26, 37) if flip else (2, 13))
    disagreement = (images[0, ..., 0] > 100) != (masks[0] > 0)
    assert not disagreement.any()


def test_same_size_changes_nothing():
    generator = np.random.default_rng(0)
    frame = generator.integers(0, 256, (33, 47, 3), dtype=np.uint8)
    ids = generator.integers(0, 256, (33, 47), dtype=np.uint8)
    images, masks = ClipTransform((33, 47), Window(0, 0, 33, 47), flip=False)([frame], [ids])
    assert (images[0] == frame).all()
    assert (masks[0] == ids).all()


@pytest.mark.parametrize("size_hw", [(16, 16), (100, 31), (480, 7)])
def test_ids_are_resized_as_the_transform_does(size_hw):
    ids = np.random.default_rng(1).integers(0, 256, (61, 87), dtype=np.uint8)
    frame = np.zeros((61, 87, 3), np.uint8)
    _, masks = ClipTransform(size_hw, Window(0, 0, *size_hw), flip=False)([frame], [ids])
    assert (masks[0] == resize_ids(ids, size_hw)).all()


def test_downscaling_is_antialiased():
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    images, _ = ClipTransform((8, 8), Window(0, 0, 8, 8), flip=False)([stripes], [stripes[..., 0]])
    assert (abs(images.astype(int) - 127) <= 1).all()

"""Clicks and boxes: where they may land, how often, and what they say."""

from functools import partial

import pytest
import torch

from pvuw.nets.sam2.clicks import Points, click, noisy_box, uniform_pixels

SIZE = 12


def masks(*boxes):
    """One mask per box `(top, left, bottom, right)`; None is an absent object."""
    result = torch.zeros(len(boxes), SIZE, SIZE, dtype=torch.bool)
    for mask, box in zip(result, boxes, strict=True):
        if box is not None:
            top, left, bottom, right = box
            mask[top:bottom, left:right] = True
    return result


def at(mask, points):
    """Value of the mask under each of its clicks."""
    x, y = points.xy[..., 0].long(), points.xy[..., 1].long()
    rows = torch.arange(len(mask))[:, None].expand_as(x)
    return mask[rows, y, x]


def test_every_allowed_pixel_is_equally_likely():
    allowed = masks((2, 3, 4, 8)).expand(5000, -1, -1)
    count = uniform_pixels(allowed).bincount(minlength=SIZE**2)
    assert torch.equal(count > 0, allowed[0].flatten())
    assert count[count > 0].min() > 400  # 500 expected
    assert count.max() < 600


def test_one_random_number_per_mask_and_the_first_pixel_of_an_empty_one():
    torch.manual_seed(3)
    chosen = uniform_pixels(masks(None, (0, 0, SIZE, SIZE), None))
    after = torch.rand(1)
    assert chosen[0] == chosen[2] == 0
    torch.manual_seed(3)
    torch.rand(3, dtype=torch.float64)
    assert torch.equal(after, torch.rand(1))


def test_the_last_pixel_can_be_reached(monkeypatch):
    almost_one = 1 - 2**-53
    monkeypatch.setattr(torch, "rand", lambda *size, **kw: torch.full(size, almost_one, **kw))
    allowed = torch.ones(1, 1024, 1024, dtype=torch.bool)
    assert uniform_pixels(allowed) == 1024**2 - 1


def test_first_clicks_land_on_the_object():
    truth = masks((1, 1, 3, 9), (5, 5, 6, 6))
    for _ in range(20):
        points = click(truth)
        assert at(truth, points).all()
        assert points.labels.eq(1).all()
    assert points.xy.shape == (2, 1, 2)
    assert points.xy[1, 0].tolist() == [5.0, 5.0]
    assert (points.xy.dtype, points.labels.dtype) == (torch.float32, torch.int32)


def test_corrections_land_on_errors_and_say_which_kind():
    truth, found = masks((0, 0, 4, 4)), masks((2, 0, 6, 4))
    labels = []
    for _ in range(60):
        points = click(truth, found)
        assert at(truth ^ found, points).all()
        assert points.labels.bool().equal(at(truth, points))
        labels.append(points.labels.item())
    assert 15 < sum(labels) < 45  # half of the wrong pixels were missed, half too many


def test_a_mask_without_error_is_clicked_beside_the_object():
    truth = masks((0, 0, 4, 4), None)
    for found in (truth, None):
        points = click(truth, found)
        if found is not None:
            assert not at(truth, points).any()
        assert points.labels[1] == 0  # an absent object is nowhere


def test_an_object_that_fills_the_frame_is_clicked_on_itself():
    truth = masks((0, 0, SIZE, SIZE))
    assert click(truth, truth).labels.tolist() == [[1]]


def note(into, allowed):
    into |= allowed
    return uniform_pixels(allowed)


def test_places_are_the_references_own():
    """The pixels upstream chooses from are ours."""
    utils = pytest.importorskip("sam2.modeling.sam2_utils")
    truth, found = masks((0, 0, 4, 4), None, (3, 3, 7, 7)), masks((2, 1, 6, 5), None, (3, 3, 7, 7))
    for guess in (None, found):
        allowed = torch.zeros_like(truth)
        click(truth, guess, choose=partial(note, allowed))
        hit = torch.zeros_like(truth)
        for _ in range(300):
            guess4d = None if guess is None else guess[:, None]
            points, labels = utils.get_next_point(truth[:, None], guess4d, "uniform")
            assert at(allowed, Points(points, labels)).all()
            assert labels.bool().equal(at(truth, Points(points, labels)))
            hit[torch.arange(3), points[:, 0, 1].long(), points[:, 0, 0].long()] = True
        assert hit[0].sum() > 0.9 * allowed[0].sum()


def test_boxes_are_the_references_bit_for_bit():
    utils = pytest.importorskip("sam2.modeling.sam2_utils")
    truth = torch.zeros(4, 256, 256, dtype=torch.bool)
    truth[0, 10:20, 30:90] = True
    truth[1, 0:256, 0:256] = True  # noise is bounded by 20 pixels and the frame
    truth[2, 255, 255] = True
    torch.manual_seed(0)
    expected, labels = utils.sample_box_points(truth[:, None])
    torch.manual_seed(0)
    box = noisy_box(truth)
    assert torch.equal(box.xy, expected)
    assert torch.equal(box.labels, labels)
    assert (box.xy[0] - torch.tensor([[30, 10], [89, 19]])).abs().amax() <= 5.9


def test_points_follow_each_other():
    truth = masks((1, 1, 3, 9), (5, 5, 6, 6))
    points = noisy_box(truth) + click(truth)
    assert points.xy.shape == (2, 3, 2)
    assert points.labels.tolist() == [[2, 3, 1]] * 2

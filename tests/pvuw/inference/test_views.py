import pytest
import torch

from pvuw.inference.views import View, ViewConfig
from pvuw.types import MaskPrompt

POSES = [(r, f) for r in (0, 90, 180, 270) for f in (False, True)]


@pytest.mark.parametrize(("rotation", "flip"), POSES)
@pytest.mark.parametrize("size_hw", [(5, 7), (1, 4), (6, 6)])
def test_restoring_undoes_showing_exactly(rotation, flip, size_hw):
    view = View(1.0, rotation, flip)
    image = torch.rand(3, *size_hw)
    shown = view.show(image)
    assert shown.shape[-2:] == (size_hw if rotation in (0, 180) else size_hw[::-1])
    assert torch.equal(view.restore(shown), image)
    masks = torch.rand(2, *size_hw) > 0.5
    assert torch.equal(view.restore(view.show_prompt(MaskPrompt([1, 2], masks)).masks), masks)


@pytest.mark.parametrize(
    ("view", "expected"),
    [
        (View(rotation=90), [[3, 1], [4, 2]]),
        (View(rotation=180), [[4, 3], [2, 1]]),
        (View(rotation=270), [[2, 4], [1, 3]]),
        (View(flip=True), [[2, 1], [4, 3]]),
        (View(rotation=90, flip=True), [[4, 2], [3, 1]]),
    ],
    ids=lambda value: value.name if isinstance(value, View) else "",
)
def test_rotations_are_clockwise_and_come_after_the_flip(view, expected):
    assert view.show(torch.tensor([[1, 2], [3, 4]])).tolist() == expected


def test_eight_poses_are_eight_different_pictures():
    image = torch.arange(6).reshape(2, 3)
    shown = {str(View(1.0, r, f).show(image).tolist()) for r, f in POSES}
    assert len(shown) == 8


def test_crossing_all_lists_gives_every_combination_once():
    config = ViewConfig([1.0, 1.5], [0, 90, 180, 270], [False, True], cross="all")
    assert len(config.views()) == len(set(config.views())) == 16


def test_groups_keep_the_order():
    config = ViewConfig([1.0, 1.5], [0, 90], [False, True], at_once=4)
    assert [len(group) for group in config.groups()] == [4, 2]
    assert [view for group in config.groups() for view in group] == config.views()


@pytest.mark.parametrize(
    "change", [{"scales": []}, {"rotations": [45]}, {"scales": [0.0]}, {"at_once": 0}]
)
def test_views_without_meaning_are_refused(change):
    with pytest.raises(ValueError, match=next(iter(change)).removesuffix("s")):
        ViewConfig(**change)

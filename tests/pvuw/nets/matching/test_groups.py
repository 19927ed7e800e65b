"""Layers over groups treat every object alike."""

import torch

from pvuw.nets.matching.groups import GroupConv2d, GroupResBlock, enlarge_group, shrink_group
from pvuw.nets.matching.sensory import DeepSensoryUpdate, SensoryUpdate


def test_objects_do_not_see_each_other():
    group = torch.randn(2, 3, 4, 6, 6)
    for layer in (GroupConv2d(4, 5, 3, padding=1), GroupResBlock(4, 5), GroupResBlock(4, 4)):
        alone = torch.stack([layer(group[:, i : i + 1])[:, 0] for i in range(3)], dim=1)
        torch.testing.assert_close(layer(group), alone)


def test_shortcuts_are_convolutions_only_where_channels_change():
    assert GroupResBlock(4, 4).downsample is None
    assert GroupResBlock(4, 5).downsample.kernel_size == (3, 3)
    assert GroupResBlock(4, 5, shortcut_kernel=1).downsample.kernel_size == (1, 1)


def test_sizes_change_and_come_back():
    group = torch.rand(1, 2, 3, 4, 8)
    assert enlarge_group(group, 2).shape == (1, 2, 3, 8, 16)
    flat = torch.full_like(group, 0.3)
    torch.testing.assert_close(shrink_group(enlarge_group(flat, 4), 4), flat)


def test_sensory_updates_keep_their_shape_and_range():
    sensory = torch.rand(1, 2, 4, 3, 5)
    update = SensoryUpdate((6, 5, 3), 8, 4)
    renewed = update(
        torch.randn(1, 2, 6, 3, 5),
        torch.randn(1, 2, 5, 6, 10),
        torch.randn(1, 2, 3, 12, 20),
        sensory,
    )
    assert renewed.shape == sensory.shape
    assert renewed.abs().max() <= 2
    assert DeepSensoryUpdate(6, 4)(torch.randn(1, 2, 6, 3, 5), sensory).shape == sensory.shape

"""Trunks equal torchvision's networks, stage by stage."""

import pytest
import torch
from torchvision.models import resnet18, resnet50

from pvuw.nets.matching.trunk import ImageTrunk, MaskTrunk, hold_norm_statistics


def filled(net):
    for name, tensor in net.state_dict().items():
        if name.endswith("running_var"):
            tensor.uniform_(0.5, 1.5)
        elif tensor.is_floating_point() and tensor.ndim == 1:
            tensor.normal_(1.0, 0.1)
    return net.eval()


def stem(net, images):
    return net.maxpool(net.relu(net.bn1(net.conv1(images))))


@pytest.mark.parametrize("first_stage", ["res2", "layer1"])
def test_image_trunk_is_resnet_50(first_stage):
    oracle, trunk = filled(resnet50(weights=None)), ImageTrunk(first_stage=first_stage).eval()
    renamed = {n.replace("layer1.", f"{first_stage}."): w for n, w in oracle.state_dict().items()}
    trunk.load_state_dict({n: renamed[n] for n in trunk.state_dict()}, strict=True)
    images = torch.rand(1, 3, 32, 48)
    with torch.inference_mode():
        f16, f8, f4 = trunk(images)
        quarter = oracle.layer1(stem(oracle, images))
        assert torch.equal(f4, quarter)
        assert torch.equal(f8, oracle.layer2(quarter))
        assert torch.equal(f16, oracle.layer3(oracle.layer2(quarter)))


def test_mask_trunk_is_resnet_18_with_two_more_channels():
    oracle, trunk = filled(resnet18(weights=None)), MaskTrunk().eval()
    weights = {n: oracle.state_dict()[n] for n in trunk.state_dict()}
    extra = torch.zeros(64, 2, 7, 7)
    weights["conv1.weight"] = torch.cat([weights["conv1.weight"], extra], dim=1)
    trunk.load_state_dict(weights, strict=True)
    images = torch.rand(1, 3, 32, 48)
    with torch.inference_mode():
        stages = oracle.layer3(oracle.layer2(oracle.layer1(stem(oracle, images))))
        found = trunk.trunk(torch.cat([images, torch.rand(1, 2, 32, 48)], dim=1))
    torch.testing.assert_close(found, stages)


def test_norm_statistics_hold_while_their_weights_learn():
    trunk = ImageTrunk(4)
    hold_norm_statistics(trunk.train())
    before = trunk.bn1.running_mean.clone()
    trunk(torch.rand(2, 3, 32, 32)).f16.sum().backward()
    assert torch.equal(trunk.bn1.running_mean, before)
    assert trunk.bn1.weight.grad is not None
    assert trunk.training

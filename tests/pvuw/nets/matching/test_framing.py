"""Frames go in and maps come back at the sizes the published scripts use."""

import pytest
import torch
from torchvision.transforms import v2

from pvuw.nets.matching.framing import Framing, SizePolicy, centred_padding, unpad
from pvuw.ops.images import normalize_images


@pytest.mark.parametrize(
    ("size_hw", "always", "only_if_larger"),
    [
        ((480, 854), (480, 854), (480, 854)),
        ((1080, 1920), (480, 853), (480, 853)),
        ((240, 427), (480, 854), (240, 427)),
        ((1280, 720), (853, 480), (853, 480)),
    ],
)
def test_sizes(size_hw, always, only_if_larger):
    assert SizePolicy(480).network_size(size_hw) == always
    assert SizePolicy(480, enlarge=False).network_size(size_hw) == only_if_larger
    assert SizePolicy(None).network_size(size_hw) == size_hw


def test_scale_multiplies_what_the_policy_says():
    assert SizePolicy(480).network_size((1080, 1920), 1.5) == (720, 1280)
    assert SizePolicy(480, enlarge=False).network_size((240, 320), 0.5) == (120, 160)
    assert SizePolicy(None).network_size((100, 200), 1.25) == (125, 250)


@pytest.mark.parametrize("antialias", [True, False])
def test_resizing_is_torchvisions(antialias):
    frame = torch.randint(0, 256, (3, 90, 130), dtype=torch.uint8)
    framing = Framing((90, 130), SizePolicy(48, antialias=antialias))
    expected = v2.functional.resize(normalize_images(frame), [48, 69], antialias=antialias)
    found = framing.crop(framing.image(frame))[0]
    torch.testing.assert_close(found, expected)
    assert framing.image(frame).shape == (1, 3, 48, 80)


def test_padding_is_zero_and_centred():
    framing = Framing((30, 17), SizePolicy(None))
    mask = framing.mask(torch.ones(30, 17, dtype=torch.bool))
    assert mask.shape == (32, 32)
    assert mask.sum() == 30 * 17
    assert mask[1:31, 7:24].all()
    assert torch.equal(framing.crop(mask), torch.ones(30, 17))
    padded = torch.nn.functional.pad(torch.rand(2, 5, 6), centred_padding((5, 6), 4))
    assert padded.shape == (2, 8, 8)
    assert unpad(padded, centred_padding((5, 6), 4)).shape == (2, 5, 6)


def test_masks_are_resized_by_either_nearest_rule():
    mask = torch.tensor([[True, False, False, True, False, False]] * 16)

    def reduced(rule):
        policy = SizePolicy(None, mask_resize=rule)
        framing = Framing((16, 6), policy, scale=1 / 3)
        return framing.crop(framing.mask(mask))[0].tolist()

    assert reduced("nearest") == [1.0, 1.0]
    assert reduced("nearest-exact") == [0.0, 0.0]


def test_a_shorter_side_below_one_cell_is_refused():
    with pytest.raises(ValueError, match="at least 16"):
        SizePolicy(8)

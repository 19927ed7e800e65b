import gc
import weakref

import pytest
import torch

from pvuw.nets.sam2.net import Sam2
from pvuw.nets.sam2.resized import at_scale
from pvuw.types import MaskPrompt


def outputs(net, scale=1.0):
    torch.manual_seed(0)
    frames = torch.randint(0, 255, (3, 3, 40, 56), dtype=torch.uint8)
    mask = torch.zeros(1, 40, 56, dtype=torch.bool)
    mask[:, 10:30, 10:30] = True
    session = net.start(3, scale=scale)
    return [
        session.step(f, MaskPrompt([1], mask) if t == 0 else None) for t, f in enumerate(frames)
    ]


def test_a_scaled_session_equals_the_network_built_at_that_resolution():
    small, large = Sam2(image_size=64).eval(), Sam2(image_size=96).eval()
    large.load_state_dict(small.state_dict())
    for scaled, built in zip(outputs(small, 1.5), outputs(large), strict=True):
        assert torch.equal(scaled.mask_logits, built.mask_logits)
        assert scaled.mask_logits.shape[-2:] == (24, 24)


def test_weights_are_shared_and_the_network_itself_keeps_its_resolution():
    net = Sam2(image_size=64).eval()
    resized = at_scale(net.model, 1.5)
    assert resized.image_size == 96
    assert net.model.image_size == 64
    ours = dict(net.model.named_parameters()) | dict(net.model.named_buffers())
    theirs = dict(resized.named_parameters()) | dict(resized.named_buffers())
    assert all(theirs[name] is tensor for name, tensor in ours.items())
    assert at_scale(net.model, 1.0) is net.model


def test_a_size_is_made_once_for_all_videos_and_again_for_other_tensors():
    net = Sam2(image_size=64).eval()
    first = net.start(3, scale=1.5).model
    assert net.start(3, scale=1.5).model is first
    assert net.start(3, scale=2.0).model is not first
    net.load_state_dict({name: 2 * weight for name, weight in net.state_dict().items()})
    assert net.start(3, scale=1.5).model is first  # the same tensors, with other values
    net.model.no_obj_ptr = torch.nn.Parameter(net.model.no_obj_ptr.detach().clone())
    again = net.start(3, scale=1.5).model
    assert again is not first
    assert again.no_obj_ptr is net.model.no_obj_ptr
    linear = net.model.obj_ptr_proj.layers[0]
    net.model.obj_ptr_proj.layers[0] = torch.nn.utils.parametrize.register_parametrization(
        linear, "weight", torch.nn.Identity()
    )
    assert net.start(3, scale=1.5).model is not again


def test_what_was_made_goes_with_the_network():
    net = Sam2(image_size=64).eval()
    made = weakref.ref(net.start(3, scale=1.5).model)
    del net
    gc.collect()
    assert made() is None


def test_a_scale_that_leaves_nothing_is_refused():
    with pytest.raises(ValueError, match="at least 32"):
        at_scale(Sam2(image_size=64).model, 0.1)

"""What objects that claim the same pixels leave in memory, with `non_overlap_memory`."""

import pytest
import torch

from pvuw.nets.sam2 import Sam2
from pvuw.nets.sam2.session import Sam2Session
from tests.helpers.sam2_reference import strengthen
from tests.pvuw.nets.sam2.test_session import assert_same, frames, logits_of, prompt, run


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    net = Sam2(image_size=64).eval()
    strengthen(net.model, gain=8)
    return net


def written(net, monkeypatch, prompts, *, count=6, **options):
    """Logits `[N, 1, S, S]` that memory was given, frame by frame, groups joined."""
    calls = []

    def spy(**given):
        calls.append(given["pred_masks_high_res"].clone())
        return type(net.model)._encode_new_memory(net.model, **given)

    monkeypatch.setattr(net.model, "_encode_new_memory", spy)
    session = Sam2Session(net.model, count, **options)
    found = []
    for index, frame in enumerate(frames(count)):
        before = len(calls)
        session.step(frame, prompts.get(index))
        found.append(torch.cat(calls[before:]))
    return found


@pytest.mark.parametrize("batch_size", [1, 16])
def test_each_pixel_is_remembered_of_one_object(net, monkeypatch, batch_size):
    prompts = {0: prompt(1, 2, shift=4)}
    options = {"batch_size": batch_size}
    plain = written(net, monkeypatch, prompts, **options)
    apart = written(net, monkeypatch, prompts, non_overlap_memory=True, **options)
    assert any(((logits > -10).sum(0) > 1).any() for logits in plain[1:])
    for logits in apart[1:]:
        assert ((logits > -10).sum(0) <= 1).all()
    strongest = plain[1].argmax(0, keepdim=True)
    kept = torch.arange(2)[:, None, None, None] == strongest
    torch.testing.assert_close(apart[1][kept], plain[1][kept], rtol=0, atol=0)


def test_a_given_mask_is_remembered_whole(net, monkeypatch):
    prompts = {0: prompt(1), 3: prompt(2)}
    plain = written(net, monkeypatch, prompts)
    apart = written(net, monkeypatch, prompts, non_overlap_memory=True)
    # Object 2 is prompted on frame 3, beside object 1 which is tracked: groups of their own.
    torch.testing.assert_close(apart[3][1], plain[3][1], rtol=0, atol=0)
    assert ((apart[3][0] > -10) & (apart[3][1] > 0)).sum() == 0
    assert ((plain[3][0] > -10) & (plain[3][1] > 0)).any()


def test_one_object_alone_is_as_without(net):
    prompts = {0: prompt(1)}
    plain, apart = run(net, prompts), run(net, prompts, non_overlap_memory=True)
    assert_same(logits_of(plain, 1), logits_of(apart, 1))


def test_the_network_hands_the_switch_on():
    assert not Sam2(image_size=64).eval().start().non_overlap_memory
    assert Sam2(image_size=64, non_overlap_memory=True).eval().start().non_overlap_memory

"""The training forward against the streaming session, which agrees with the original."""

import pytest
import torch

from pvuw.losses.bootstrapped import BootstrappedLoss
from pvuw.nets.xmem.clip_forward import XMemClips
from pvuw.nets.xmem.config import XMemConfig
from pvuw.types import MaskPrompt, VideoBatch
from tests.helpers.noise import assert_within, tolerance_of

SURE = XMemClips(num_reference_frames=8, deep_update_prob=1.0)
"""Nothing is left to chance."""


def make_batch(num_frames, counts, *, size_hw=(48, 64), seed=0):
    generator = torch.Generator().manual_seed(seed)
    clips, most = len(counts), max(counts)
    shape = (clips, num_frames, 3, *size_hw)
    masks = torch.zeros(clips, num_frames, most, *size_hw, dtype=torch.bool)
    for clip, count in enumerate(counts):
        for slot in range(count):
            for t in range(num_frames):
                top, left = 14 * slot + t, 10 * clip + 3 * t
                masks[clip, t, slot, top : top + 12, left : left + 20] = True
    return VideoBatch(
        frames=torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8),
        masks=masks,
        num_objects=list(counts),
        object_ids=[list(range(1, n + 1)) for n in counts],
        video_ids=[f"clip{i}" for i in range(clips)],
        frame_idx=torch.arange(num_frames).expand(clips, num_frames),
    )


def clip_of(batch, b):
    """One clip of a batch."""
    count = batch.num_objects[b]
    return VideoBatch(
        frames=batch.frames[b : b + 1],
        masks=batch.masks[b : b + 1, :, :count],
        num_objects=[count],
        object_ids=batch.object_ids[b : b + 1],
        video_ids=batch.video_ids[b : b + 1],
        frame_idx=batch.frame_idx[b : b + 1],
    )


@pytest.mark.parametrize("size_hw", [(48, 64), (43, 61)])
def test_second_frame_is_what_the_session_says(narrow, size_hw):
    batch = make_batch(2, [2], size_hw=size_hw)
    net = narrow(memory=XMemConfig(top_k=10**6))
    with torch.inference_mode():
        masks = net.forward_clip(batch).mask_logits
    assert list(masks) == [1]
    session = net.start()
    session.step(batch.frames[0, 0], MaskPrompt([1, 2], batch.masks[0, 0]))
    expected = session.step(batch.frames[0, 1]).mask_logits
    tolerance = tolerance_of(net, lambda moved: [moved.forward_clip(batch).mask_logits[1]])
    assert_within(masks[1], expected, tolerance)


def test_clips_of_a_batch_do_not_see_each_other(narrow):
    batch = make_batch(4, [3, 0, 1])
    net = narrow(clip=SURE)
    with torch.inference_mode():
        together = net.forward_clip(batch)
        apart = [net.forward_clip(clip_of(batch, b)) for b in (0, 2)]
    tolerance = tolerance_of(net, lambda moved: [*moved.forward_clip(batch).mask_logits.values()])
    for t in range(1, 4):
        expected = torch.cat([output.mask_logits[t] for output in apart])
        found = together.mask_logits[t]
        assert found.shape == (4, 48, 64)
        assert_within(found, expected, tolerance)


def test_reference_frames_are_the_first_and_two_drawn_among_the_rest(narrow):
    from pvuw.nets.xmem.clip_forward import _Clip

    clip = _Clip(narrow(), make_batch(2, [1]), XMemClips())
    assert [clip._reference_frames(t) for t in (1, 2, 3)] == [[0], [0, 1], [0, 1, 2]]
    drawn = [clip._reference_frames(6) for _ in range(60)]
    assert all(frames[0] == 0 and len(set(frames)) == 3 for frames in drawn)
    assert {frame for frames in drawn for frame in frames[1:]} == {1, 2, 3, 4, 5}


def test_gradients_reach_every_weight_and_norms_hold_their_statistics(narrow):
    batch = make_batch(3, [2, 1])
    net = narrow(clip=XMemClips(deep_update_prob=1.0)).train()
    before = {n: b.clone() for n, b in net.named_buffers()}
    loss = BootstrappedLoss().train()
    loss(net.forward_clip(batch), batch).total.backward()
    missing = [n for n, p in net.named_parameters() if p.grad is None or not p.grad.any()]
    assert missing == []
    assert all(torch.equal(before[n], b) for n, b in net.named_buffers())
    assert net.training


def test_draws_repeat_with_the_seed(narrow):
    batch = make_batch(6, [1])
    net = narrow()

    def run(seed):
        torch.manual_seed(seed)
        with torch.inference_mode():
            return net.forward_clip(batch).mask_logits[5]

    assert torch.equal(run(3), run(3))
    assert not torch.equal(run(3), run(4))


def test_batches_without_an_answer_are_refused(narrow):
    with pytest.raises(ValueError, match="no object"):
        narrow().forward_clip(make_batch(2, [0, 0]))
    with pytest.raises(ValueError, match="one frame"):
        narrow().forward_clip(make_batch(1, [1]))
    with pytest.raises(ValueError, match="deep_update_prob"):
        XMemClips(deep_update_prob=2)
    with pytest.raises(ValueError, match="num_reference_frames"):
        XMemClips(num_reference_frames=0)

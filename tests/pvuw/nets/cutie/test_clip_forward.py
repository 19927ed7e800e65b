"""Training forwards of Cutie and LiVOS: shapes, gradients, no talk between clips, learning."""

import pytest
import torch

from pvuw.losses.point_sampled import PointSampledLoss
from pvuw.nets.cutie.clip_forward import CutieClips
from pvuw.ops.id_maps import logits_to_id_map
from pvuw.types import MaskPrompt
from tests.helpers.noise import assert_within, tolerance_of
from tests.pvuw.nets.cutie.tiny import NAMES, batch, crossing, tiny

LOSS = PointSampledLoss(256)
DETERMINISTIC = {"clip": CutieClips(num_ref_frames=8, deep_update_prob=1.0)}


def network(name, **more):
    return tiny(name, **(DETERMINISTIC | more if name == "cutie" else more))


@pytest.mark.parametrize("name", NAMES)
def test_every_frame_but_the_first_is_decoded_for_every_object(name):
    clips = batch([2, 0, 1])
    said = network(name).train().forward_clip(clips)
    assert list(said.mask_logits) == list(said.sensory_logits) == list(said.level_logits) == [1, 2]
    for t in (1, 2):
        assert said.mask_logits[t].shape == (3, 64, 64)
        assert said.sensory_logits[t].shape == (3, 4, 4)
        assert said.level_logits[t].shape == (3, 3, 4, 4)
        assert torch.isfinite(said.mask_logits[t]).all()


@pytest.mark.parametrize("name", NAMES)
def test_clips_of_a_batch_do_not_see_each_other(name):
    net = network(name).eval()
    together = net.forward_clip(batch([2, 1])).mask_logits[2]
    single = batch([2, 1])
    single.frames, single.masks = single.frames[1:], single.masks[1:]
    for field in ("num_objects", "object_ids", "video_ids", "frame_idx"):
        setattr(single, field, getattr(single, field)[1:])
    alone = net.forward_clip(single).mask_logits[2]
    tolerance = tolerance_of(net, lambda moved: [moved.forward_clip(single).mask_logits[2]])
    assert_within(together[2:], alone, tolerance)


@pytest.mark.parametrize("name", NAMES)
def test_training_and_streaming_give_the_same_second_frame(name):
    """Before memory differs: the streaming session reads the few most similar cells alone."""
    net, clips = network(name), batch([2])
    session = net.start()
    session.step(clips.frames[0, 0], MaskPrompt([1, 2], clips.masks[0, 0]))
    streamed = session.step(clips.frames[0, 1]).mask_logits
    trained = net.forward_clip(clips).mask_logits[1]
    # Streaming softens the given masks by 1e-7 of background, a rounding as any other.
    tolerance = tolerance_of(net, lambda moved: [moved.forward_clip(clips).mask_logits[1]])
    assert_within(trained, streamed, tolerance)


@pytest.mark.parametrize("name", NAMES)
def test_every_weight_learns_and_norms_keep_their_statistics(name):
    net = network(name).train()
    buffers = {n: b.clone() for n, b in net.named_buffers()}
    LOSS(net.forward_clip(batch([2, 1])), batch([2, 1])).total.backward()
    idle = [n for n, p in net.named_parameters() if p.grad is None or not p.grad.any()]
    # A query attends to all pixels with the same weight whatever is added to all its keys.
    assert [n for n in idle if not n.endswith("in_proj_bias")] == []
    assert all(torch.equal(buffers[n], b) for n, b in net.named_buffers())


def test_norms_learn_their_statistics_where_asked():
    net = tiny("livos", freeze_norms=False).train()
    before = net.pixel_encoder.bn1.running_mean.clone()
    net.forward_clip(batch([1]))
    assert not torch.equal(before, net.pixel_encoder.bn1.running_mean)


@pytest.mark.parametrize("name", NAMES)
def test_bad_clips_are_refused(name):
    net = network(name)
    with pytest.raises(ValueError, match="no object"):
        net.forward_clip(batch([0]))
    with pytest.raises(ValueError, match="two frames"):
        net.forward_clip(batch([1], num_frames=1))
    with pytest.raises(ValueError, match="16-fold"):
        net.forward_clip(batch([1], size_hw=(64, 72)))


def test_frames_of_the_past_are_drawn_from_the_global_generator():
    net = tiny("cutie", clip=CutieClips(num_ref_frames=1, deep_update_prob=0.0))
    clips = batch([1], num_frames=5)
    results = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        results.append(net.forward_clip(clips).mask_logits[4])
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_overfits_one_clip(name):
    """The streaming session follows both boxes of the clip the network was trained on."""
    net, clips, loss = network(name).train(), crossing(), PointSampledLoss(512)
    optimizer = torch.optim.AdamW(net.parameters(), lr=2e-3)
    for _ in range(80):
        total = loss(net.forward_clip(clips), clips).total
        optimizer.zero_grad()
        total.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 3.0)
        optimizer.step()
    session = net.eval().start()
    session.step(clips.frames[0, 0], MaskPrompt([1, 2], clips.masks[0, 0]))
    for t in (1, 2):
        output = session.step(clips.frames[0, t])
        ids = logits_to_id_map(output.mask_logits, output.object_ids)
        found, truth = torch.stack([ids == 1, ids == 2]), clips.masks[0, t]
        overlap = (found & truth).flatten(1).sum(1) / (found | truth).flatten(1).sum(1)
        assert overlap.min() > 0.9, overlap

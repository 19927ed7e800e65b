"""Memory policies inside a session: what is read, for how long, and for which object."""

import contextlib
import io
from dataclasses import replace

import pytest
import torch

from pvuw.errors import PvuwError
from pvuw.nets.sam2 import DistractorAware, PromoteReliable, Sam2
from pvuw.nets.sam2.build import build_sam2_base
from pvuw.nets.sam2.memory_policy import MemoryPolicy, ObjectMemory
from pvuw.nets.sam2.session import Sam2Session
from pvuw.types import MaskPrompt
from tests.helpers.cli import parse
from tests.helpers.noise import tolerance_of
from tests.helpers.sam2_reference import (
    at_size,
    build_predictor,
    read_frames,
    strengthen,
    write_generated_video,
)
from tests.pvuw.nets.sam2.records import BESIDE, FOUND, square
from tests.pvuw.nets.sam2.test_session import assert_same, frames, logits_of, prompt, stored_bytes


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    model = build_sam2_base("nano", image_size=64).eval()
    model.multimask_output_for_tracking = True  # as the official sizes, unlike nano
    strengthen(model, gain=8)
    return model


class Told(MemoryPolicy):
    """Tells a policy what to believe of frames: random weights are never sure of anything.

    Args:
        policy: Who is told.
        beliefs: One function per object, in the order of their first prompts: from the frame to the
            fields of its record that are replaced.
    """

    def __init__(self, policy, *beliefs):
        self.policy = policy
        self.beliefs = iter(beliefs)

    def follow(self, num_maps):
        return ToldMemory(self.policy.follow(num_maps), next(self.beliefs))


class ToldMemory(ObjectMemory):
    def __init__(self, memory, belief):
        self.memory = memory
        self.belief = belief

    def see(self, record):
        return self.memory.see(replace(record, **({} if record.prompted else self.belief(record))))


def gone_at(*times, reliable=range(1000)):
    """Beliefs of an object that is absent on some frames, and reliable on some others."""

    def belief(record):
        here = record.frame_idx not in times
        return {
            "presence_logit": 5.0 if here else -5.0,
            "quality": 0.9 if here and record.frame_idx in reliable else 0.1,
        }

    return belief


def beside_at(*times):
    """Beliefs of an object beside a rival on some frames, and clearly alone on all others."""

    def belief(record):
        mask = square(*FOUND)
        rival = square(*(BESIDE if record.frame_idx in times else FOUND))
        return {
            "predicted_iou": 0.9,
            "area": 16.0,
            "mask_logits": mask,
            "candidate_logits": torch.stack([mask, rival]),
        }

    return belief


def run(net, policy, prompts, *, count, **session):
    stream = Sam2Session(net, memory_policy=policy, **session)
    return stream, [stream.step(f, prompts.get(t)) for t, f in enumerate(frames(count))]


def memory_of(stream, object_id):
    return next(g.memory for g in stream._groups if object_id in g.object_ids)


# Against upstream, whose memory is moved by hand.


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """Upstream's predictor, our network with its weights, a video and its first masks."""
    torch.manual_seed(0)
    predictor = build_predictor("nano", 128)
    strengthen(predictor, gain=8)
    ours = build_sam2_base("nano", image_size=128).eval()
    ours.load_state_dict(predictor.state_dict())
    for model in (predictor, ours):
        model.multimask_output_for_tracking = True
    folder = tmp_path_factory.mktemp("generated") / "video"
    truth = write_generated_video(folder, num_frames=26, size_hw=(60, 80))
    return predictor, ours, folder, torch.from_numpy(truth[0] == 1)


@torch.inference_mode()
def upstream_logits(predictor, folder, mask, *, move=()):
    """Upstream's logits; after frame 8 its memory of the frames in `move` counts as prompted."""
    logits = []
    with contextlib.redirect_stderr(io.StringIO()):  # progress bars
        state = predictor.init_state(str(folder))
        predictor.add_new_mask(state, 0, 1, mask)
        for t, _, masks in predictor.propagate_in_video(state):
            logits.append(masks[:, 0])
            memory = state["output_dict_per_obj"][0]
            for moved in move if t == 8 else ():
                frame = memory["non_cond_frame_outputs"].pop(moved)
                memory["cond_frame_outputs"][moved] = frame
    return logits


def our_logits(net, folder, mask, policy):
    images = read_frames(folder)
    stream = Sam2Session(net, len(images), batch_size=1, memory_policy=policy)
    outputs = [
        stream.step(f, MaskPrompt([1], mask[None]) if t == 0 else None)
        for t, f in enumerate(images)
    ]
    return [at_size(o.mask_logits, images[0].shape[-2:]) for o in outputs]


def test_promoted_frames_are_read_as_upstream_reads_prompted_ones(pair):
    predictor, ours, folder, mask = pair
    told = Told(PromoteReliable(), gone_at(8, reliable=(1, 3, 4, 5, 7)))
    found = our_logits(ours, folder, mask, told)
    expected = upstream_logits(predictor, folder, mask, move=(3, 4, 5, 7))
    assert_same(found, expected)
    unmoved = upstream_logits(predictor, folder, mask)
    assert_same(found[:9], unmoved[:9])
    assert min((a - b).abs().max() for a, b in zip(found[9:], unmoved[9:], strict=True)) > 1e-4


def test_sparse_recent_memory_is_upstreams_with_a_stride(pair, monkeypatch):
    predictor, ours, folder, mask = pair
    policy = DistractorAware(recent_frames=6, max_frames=0)
    found = our_logits(ours, folder, mask, Told(policy, lambda record: {"area": 16.0}))
    unchanged = upstream_logits(predictor, folder, mask)
    assert (found[-1] - unchanged[-1]).abs().max() > 1e-4
    monkeypatch.setattr(predictor, "memory_temporal_stride_for_eval", 5)
    assert_same(found, upstream_logits(predictor, folder, mask))


# What stays.


def test_promoted_frames_are_still_read_after_many_more(net):
    told = Told(PromoteReliable(), gone_at(8, reliable=(1, 3, 4, 5, 7)))
    stream, outputs = run(net, told, {0: prompt(1)}, count=40)
    memory = memory_of(stream, 1)
    assert sorted(memory.permanent) == [3, 4, 5, 7]
    assert [place for place, _ in memory.maps(40)] == [0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6]
    assert [distance for distance, _ in memory.pointers(40)[:5]] == [40, 37, 36, 35, 33]
    _, plain = run(net, None, {0: prompt(1)}, count=40)
    assert_same(logits_of(outputs, 1)[:9], logits_of(plain, 1)[:9])
    assert (outputs[-1].mask_logits - plain[-1].mask_logits).abs().max() > 1e-4


def test_reliable_frames_are_at_hand_however_long_ago(net):
    told = Told(PromoteReliable(max_frames=2), gone_at(33, reliable=(1, 2, 3)))
    stream, _ = run(net, told, {0: prompt(1)}, count=36)
    assert sorted(memory_of(stream, 1).permanent) == [2, 3]


def test_frames_beside_a_distractor_stay(net):
    told = Told(DistractorAware(max_frames=2), beside_at(7, 15, 23))
    stream, outputs = run(net, told, {0: prompt(1)}, count=40)
    memory = memory_of(stream, 1)
    assert sorted(memory.permanent) == [15, 23]
    assert [place for place, _ in memory.maps(40)] == [0, 0, 0, 4, 5, 6]
    alone = Told(DistractorAware(max_frames=2), beside_at())
    _, plain = run(net, alone, {0: prompt(1)}, count=40)
    assert_same(logits_of(outputs, 1)[:8], logits_of(plain, 1)[:8])
    assert (outputs[-1].mask_logits - plain[-1].mask_logits).abs().max() > 1e-5


@pytest.mark.parametrize(
    "told",
    [
        lambda: Told(PromoteReliable(), gone_at(30), gone_at()),
        lambda: Told(DistractorAware(), beside_at(*range(100)), beside_at()),
    ],
)
def test_memory_does_not_grow_with_the_video(net, told):
    stream = Sam2Session(net, memory_policy=told())
    sizes = []
    for t, frame in enumerate(frames(80)):
        stream.step(frame, prompt(1, 2) if t == 0 else None)
        sizes.append(stored_bytes(stream))
    assert max(sizes[40:]) == max(sizes[60:])
    assert max(sizes[60:]) < 3 * sizes[16]


# Object by object.


def test_objects_share_a_batch_while_they_remember_the_same(net):
    told = Told(PromoteReliable(), gone_at(6), gone_at(6), gone_at(9))
    stream = Sam2Session(net, memory_policy=told)
    grouped = []
    for t, frame in enumerate(frames(12)):
        output = stream.step(frame, prompt(1, 2, 3) if t == 0 else None)
        assert output.object_ids == [1, 2, 3]
        grouped.append([g.object_ids for g in stream._groups])
    assert grouped[5] == [[1, 2, 3]]
    assert grouped[6] == grouped[11] == [[1, 2], [3]]


@pytest.fixture(scope="module")
def rounding(net):
    """How far objects in one batch may be from objects one by one."""

    def logits(moved):
        policy = Told(PromoteReliable(), gone_at(6), gone_at(), gone_at(9, reliable=(2, 3)))
        _, outputs = run(moved, policy, {0: prompt(1, 2, 3)}, count=16)
        return [o.mask_logits for o in outputs]

    return tolerance_of(net, logits)


@pytest.mark.parametrize("batch_size", [1, 16])
def test_objects_are_independent(net, rounding, batch_size):
    policy = PromoteReliable()
    lives = {1: gone_at(6), 2: gone_at(), 3: gone_at(9, reliable=(2, 3))}
    given = {0: prompt(1, 2, 3)}
    _, together = run(net, Told(policy, *lives.values()), given, count=14, batch_size=batch_size)
    atol = (batch_size > 1) * rounding
    for object_id, life in lives.items():
        _, alone = run(net, Told(policy, life), {0: prompt(object_id)}, count=14, batch_size=1)
        assert_same(logits_of(together, object_id), logits_of(alone, object_id), atol=atol)


def test_removing_an_object_leaves_the_others_their_memory(net, rounding):
    policy, lives = PromoteReliable(), {1: gone_at(6), 2: gone_at(6), 3: gone_at(12)}
    _, expected = run(net, Told(policy, lives[2]), {0: prompt(2)}, count=16)
    _, plain = run(net, None, {0: prompt(2)}, count=16)
    assert (expected[-1].mask_logits - plain[-1].mask_logits).abs().max() > 1e-4
    stream = Sam2Session(net, memory_policy=Told(policy, *lives.values()))
    outputs = []
    for t, frame in enumerate(frames(16)):
        if t in (4, 9):
            stream.remove_object(3 if t == 4 else 1)
        outputs.append(stream.step(frame, prompt(1, 2, 3) if t == 0 else None))
    assert stream.object_ids == [2]
    assert sorted(memory_of(stream, 2).permanent) == [2, 3, 4, 5]
    # A bfloat16 of the permanent frames may round the other way in a batch, and stays.
    assert_same(logits_of(outputs, 2), logits_of(expected, 2), atol=rounding)


def test_a_correction_parts_objects_and_keeps_what_they_remember(net):
    policy = PromoteReliable()
    given = {0: prompt(1, 2), 8: prompt(2, shift=3)}
    stream, _ = run(net, Told(policy, gone_at(6), gone_at(6)), given, count=12)
    assert [g.object_ids for g in stream._groups] == [[2], [1]]
    for object_id, prompted in ((1, [0]), (2, [0, 8])):
        memory = memory_of(stream, object_id)
        assert sorted(memory.permanent) == [2, 3, 4, 5]
        assert sorted(memory.prompted) == prompted


def test_the_last_frame_is_not_remembered(net):
    told = Told(PromoteReliable(), gone_at(3))
    stream = Sam2Session(net, memory_policy=told)
    for t, frame in enumerate(frames(4)):
        output = stream.step(frame, prompt(1) if t == 0 else None, last=t == 3)
    assert output.mask_logits.shape == (1, 16, 16)
    assert memory_of(stream, 1).permanent == {}


# Real judgement, and the network that recipes name.


def test_policies_judge_what_the_network_finds(net):
    """Without being told: presence hovers around zero, so that objects come and go."""
    head = net.sam_mask_decoder.pred_obj_score_head.layers[-1]
    before = {name: value.clone() for name, value in head.state_dict().items()}
    with torch.no_grad():
        head.weight.mul_(300)
        _, outputs = run(net, None, {0: prompt(1, 2)}, count=12)
        head.bias -= torch.stack([o.presence_logits for o in outputs[1:]]).median()
    policy = PromoteReliable(min_quality=0.0)
    stream, outputs = run(net, policy, {0: prompt(1, 2)}, count=20)
    head.load_state_dict(before)
    absent = torch.stack([o.presence_logits for o in outputs]) <= 0
    assert absent[1:].any()
    for slot, object_id in enumerate(outputs[0].object_ids):
        seen, times = [], absent[1:, slot].nonzero().flatten() + 1
        if len(times):
            found = [o.mask_logits[slot] > 0 for o in outputs]
            seen = [t for t in range(1, int(times[0])) if found[t].any()][-4:]
        assert sorted(memory_of(stream, object_id).permanent) == seen


def test_runs_under_autocast(net):
    with torch.autocast("cpu", torch.bfloat16):
        for policy in (PromoteReliable(), DistractorAware()):
            _, outputs = run(net, policy, {0: prompt(1, 2)}, count=8)
            assert outputs[-1].mask_logits.isfinite().all()


def test_a_network_hands_its_policy_to_sessions():
    policy = PromoteReliable(max_frames=2)
    assert Sam2(image_size=32, memory_policy=policy).eval().start().memory_policy is policy
    assert Sam2(image_size=32).eval().start().memory_policy is None


def test_a_network_with_one_candidate_cannot_look_for_rivals():
    with pytest.raises(PvuwError, match=r"nano: memory_policy DistractorAware .* max_frames: 0"):
        Sam2(image_size=32, memory_policy=DistractorAware())
    Sam2(image_size=32, memory_policy=DistractorAware(max_frames=0))


def test_policies_are_named_in_yaml(tmp_path):
    recipe = tmp_path / "memory.yaml"
    recipe.write_text(
        "model: {init_args: {net: {init_args: {memory_policy: "
        "{class_path: PromoteReliable, init_args: {max_frames: 3}}}}}}\n"
    )
    flags = ("predict", "--config", "mose/sam2_nano.yaml", "--data.root", "x")
    net = parse(*flags, "--config", recipe).model.init_args.net
    assert net.init_args.memory_policy.class_path.endswith("PromoteReliable")
    assert net.init_args.memory_policy.init_args.max_frames == 3
    flag = "--model.init_args.net.init_args.memory_policy"
    net = parse(*flags, flag, "DistractorAware", f"{flag}.every", "3").model.init_args.net
    assert net.init_args.memory_policy.class_path.endswith("DistractorAware")
    assert net.init_args.memory_policy.init_args.every == 3

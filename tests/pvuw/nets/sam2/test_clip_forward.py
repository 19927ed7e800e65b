"""Training forward: what comes out, what it may depend on, what it computes, bad input."""

import pytest
import torch

from pvuw.losses import VOSLoss
from pvuw.nets.sam2.clicks import uniform_pixels
from pvuw.nets.sam2.clip_forward import ForwardConfig, forward_clip
from pvuw.nets.sam2.prompt_plan import FirstPrompt, PromptPlan
from pvuw.ops.images import normalize_images
from tests.helpers.noise import SUMMATION, assert_within, tolerance_of
from tests.helpers.sam2_training import Case, build, make_batch

SIZE = 128


@pytest.fixture
def model():
    return build(Case())


def given_masks(frames):
    return ForwardConfig(PromptPlan.of_masks(frames))


def candidates_of(output):
    return torch.stack([steps[0].mask_logits for steps in output.decodings[1:]])


# What comes out.


def test_one_decoding_per_frame_in_time_order(model):
    batch = make_batch(4)
    output = forward_clip(model, batch, config=given_masks((2, 0)))
    assert [len(steps) for steps in output.decodings] == [1, 1, 1, 1]
    shapes = [tuple(steps[0].mask_logits.shape) for steps in output.decodings]
    assert shapes == [(5, m, SIZE, SIZE) for m in (1, 3, 1, 3)]
    assert tuple(output.decodings[1][0].predicted_iou.shape) == (5, 3)
    assert tuple(output.decodings[1][0].presence_logits.shape) == (5, 1)
    assert output.features is None


def test_given_frames_come_back_as_they_were_given(model):
    batch = make_batch(3)
    batch.masks[0, 0, 1] = False
    given = forward_clip(model, batch).decodings[0][0]
    expected = torch.where(batch.object_masks()[0][:, None], 10.0, -10.0)
    assert torch.equal(given.mask_logits, expected)
    assert given.presence_logits.flatten().tolist() == [10.0, -10.0, 10.0, 10.0, 10.0]
    assert given.predicted_iou.flatten().tolist() == [1.0] * 5
    assert not given.mask_logits.requires_grad


def test_single_candidate_where_the_network_has_no_choice(model):
    model.multimask_output_for_tracking = False
    assert forward_clip(model, make_batch(2)).decodings[1][0].mask_logits.shape[1] == 1


# What it depends on.


@pytest.mark.parametrize("counts", [(2, 3), (1, 0, 2)])
def test_objects_and_clips_do_not_see_each_other(model, counts):
    batch = make_batch(3, counts)
    with torch.no_grad():
        together = candidates_of(forward_clip(model, batch))
        alone = []
        for clip, slot in [(c, s) for c, n in enumerate(counts) for s in range(n)]:
            one = make_batch(3, counts)
            one.frames, one.masks = one.frames[clip : clip + 1], one.masks[clip : clip + 1]
            one.masks, one.num_objects = one.masks[:, :, slot : slot + 1], [1]
            alone.append(candidates_of(forward_clip(model, one)))
    tolerance = tolerance_of(model, lambda net: [candidates_of(forward_clip(net, batch))], draws=1)
    assert_within(together, torch.cat(alone, dim=1), tolerance)
    assert (together[:, 0] - together[:, 1]).abs().max() > 1e-2


@pytest.mark.parametrize(("changed", "affected"), [(1, [1, 2, 3]), (3, [3])])
def test_a_frame_depends_on_itself_and_those_before(model, changed, affected):
    batch, other = make_batch(4), make_batch(4)
    other.frames[:, changed] = 255 - other.frames[:, changed]
    with torch.no_grad():
        before, after = forward_clip(model, batch), forward_clip(model, other)
    moved = [
        t
        for t in range(4)
        if not torch.equal(before.decodings[t][0].mask_logits, after.decodings[t][0].mask_logits)
    ]
    assert moved == affected


def test_a_later_given_frame_is_read_by_frames_before_it(model):
    batch, other = make_batch(3), make_batch(3)
    other.masks[:, 2] = other.masks[:, 2].roll(8, -1)
    outputs = [candidates_of(forward_clip(model, b))[0] for b in (batch, other)]
    assert torch.equal(*outputs)
    given = [
        forward_clip(model, b, config=given_masks((0, 2))).decodings[1][0].mask_logits
        for b in (batch, other)
    ]
    assert not torch.equal(*given)


def test_gradient_flows_back_through_time(model):
    batch = make_batch(4)
    batch.frames = (batch.frames.float() / 255).requires_grad_()
    forward_clip(model, batch).decodings[3][0].mask_logits.square().mean().backward()
    per_frame = batch.frames.grad.abs().amax((0, 2, 3, 4))
    assert (per_frame > 0).all()


def test_every_weight_that_mask_prompts_use_is_trained(model):
    batch = make_batch(3)
    VOSLoss()(forward_clip(model, batch), batch).total.backward()
    without = [n for n, p in model.named_parameters() if p.grad is None]
    assert without == ["no_mem_embed", "no_mem_pos_enc"]


def test_float_frames_are_uint8_frames_over_255(model):
    batch, other = make_batch(2), make_batch(2)
    other.frames = other.frames.float() / 255
    with torch.no_grad():
        outputs = [candidates_of(forward_clip(model, b)) for b in (batch, other)]
    assert torch.equal(*outputs)


def test_normalisation_is_that_of_imagenet():
    images = torch.tensor([[0, 255], [51, 102], [204, 153]], dtype=torch.uint8).view(3, 1, 2)
    expected = [
        (v / 255 - m) / s
        for row, m, s in zip(
            images.view(3, 2).tolist(), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), strict=True
        )
        for v in row
    ]
    assert normalize_images(images).flatten().tolist() == pytest.approx(expected, rel=SUMMATION)


def test_half_precision_gives_finite_gradients(model):
    batch = make_batch(3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = forward_clip(model, batch, features=True)
        terms = VOSLoss(sim_weight=1.0)(output, batch)
    terms.total.backward()
    assert terms.total.dtype == torch.float32
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)


# Features for the similarity loss.


def test_features_of_every_frame(model):
    batch = make_batch(3)
    output = forward_clip(model, batch, features=True)
    assert tuple(output.features.query.shape) == (3, 5, 64, 8, 8)
    assert output.features.memory.shape == output.features.query.shape
    images = normalize_images(batch.frames.flatten(0, 1))
    encoded = model.forward_image(images)["backbone_fpn"][-1].unflatten(0, (2, 3))
    assert torch.equal(output.features.memory, encoded[[0, 0, 1, 1, 1]].transpose(0, 1))
    # A given frame is decoded from its own features, the others from what memory made of them.
    assert torch.equal(output.features.query[0], output.features.memory[0])
    assert not torch.equal(output.features.query[1], output.features.memory[1])


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ((0,), [[], *([0, *range(max(1, t - 6), t)] for t in range(1, 9))]),
        ((0, 4), [[], [0, 4], [0, 4, 1], [0, 4, 1, 2], [], [0, 4, 1, 2, 3], [0, 4, 1, 2, 3, 5]]),
    ],
)
def test_memory_frames_are_those_that_attention_is_given(model, monkeypatch, given, expected):
    cells, read = (SIZE // 16) ** 2, []
    attend = model.memory_attention.forward

    def count(*, memory, num_obj_ptr_tokens, **inputs):
        read.append((len(memory) - num_obj_ptr_tokens) / cells)
        return attend(memory=memory, num_obj_ptr_tokens=num_obj_ptr_tokens, **inputs)

    monkeypatch.setattr(model.memory_attention, "forward", count)
    batch = make_batch(len(expected))
    with torch.no_grad():
        output = forward_clip(model, batch, config=given_masks(given), features=True)
    assert output.features.memory_frames == expected
    assert read == [len(frames) for frames in expected if frames]


def test_pixels_without_truth_are_not_clicked(model):
    batch = make_batch(1)
    batch.void = torch.zeros(2, 1, SIZE, SIZE, dtype=torch.bool)
    batch.void[..., ::2] = True
    asked = []

    def note(allowed):
        asked.append(allowed)
        return uniform_pixels(allowed)

    plan = PromptPlan({0: FirstPrompt.POINT}, {0: (False, True)})
    with torch.no_grad():
        forward_clip(model, batch, config=ForwardConfig(plan, choose=note))
    assert len(asked) == 3
    assert not any(allowed[..., ::2].any() for allowed in asked)
    assert all(allowed.any() for allowed in asked)


def test_a_corrected_frame_has_a_decoding_per_click(model):
    plan = PromptPlan({1: FirstPrompt.BOX}, {1: (False,) * 2, 2: (True,)})
    batch = make_batch(3)
    with torch.no_grad():
        steps = forward_clip(model, batch, config=ForwardConfig(plan)).decodings
    candidates = [[step.mask_logits.shape[1] for step in frame] for frame in steps]
    assert candidates == [[3], [1, 1, 1], [3, 3]]


# What it computes.


def test_images_are_encoded_once_and_the_last_frame_is_not_remembered(model, monkeypatch):
    calls = {"images": [], "memories": 0}
    encode, remember = model.image_encoder.forward, model.memory_encoder.forward

    def count_images(images):
        calls["images"].append(len(images))
        return encode(images)

    def count_memories(*args, **kwargs):
        calls["memories"] += 1
        return remember(*args, **kwargs)

    monkeypatch.setattr(model.image_encoder, "forward", count_images)
    monkeypatch.setattr(model.memory_encoder, "forward", count_memories)
    forward_clip(model, make_batch(5))
    assert calls == {"images": [10], "memories": 4}


# Bad input.


def test_frames_of_another_size_are_refused(model):
    with pytest.raises(ValueError, match=r"128x128.*64x64"):
        forward_clip(model, make_batch(2, size=64))


def test_a_batch_without_objects_is_refused(model):
    batch = make_batch(2)
    batch.num_objects = [0, 0]
    with pytest.raises(ValueError, match=r"no object.*clip0, clip1"):
        forward_clip(model, batch)


@pytest.mark.parametrize("given", [(), (0, 1), (5,)])
def test_given_frames_must_leave_something_to_predict(model, given):
    with pytest.raises(ValueError, match="prompts on frames"):
        forward_clip(model, make_batch(2), config=given_masks(given))

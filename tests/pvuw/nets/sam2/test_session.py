"""SAM 2's session: slots, prompts at any time, memory that does not grow, bad input."""

import pytest
import torch

from pvuw.nets.sam2 import Sam2
from pvuw.nets.sam2.build import build_sam2_base
from pvuw.nets.sam2.session import Sam2Session
from pvuw.sample.scene import generate_clip
from pvuw.types import MaskPrompt
from tests.helpers.noise import tolerance_of
from tests.helpers.sam2_reference import strengthen

SIZE_HW = (48, 64)


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    net = Sam2(image_size=64).eval()
    net.model.multimask_output_for_tracking = True  # as the official sizes, unlike nano
    strengthen(net.model, gain=8)
    return net


def frames(count):
    generator = torch.Generator().manual_seed(3)
    return torch.randint(0, 256, (count, 3, *SIZE_HW), dtype=torch.uint8, generator=generator)


def box(object_id, *, shift=0):
    mask = torch.zeros(SIZE_HW, dtype=torch.bool)
    top = 4 * object_id + shift
    mask[top : top + 16, 3 * object_id : 3 * object_id + 20] = True
    return mask


def prompt(*object_ids, shift=0):
    return MaskPrompt(list(object_ids), torch.stack([box(i, shift=shift) for i in object_ids]))


def run(net, prompts, *, count=12, **session):
    stream = Sam2Session(net.model, count, **session)
    return [stream.step(f, prompts.get(t)) for t, f in enumerate(frames(count))]


def logits_of(outputs, object_id):
    return [
        o.mask_logits[o.object_ids.index(object_id)] for o in outputs if object_id in o.object_ids
    ]


def assert_same(first, second, *, atol=0.0):
    assert len(first) == len(second)
    assert all((a - b).abs().max() <= atol for a, b in zip(first, second, strict=True))


@pytest.fixture(scope="module")
def rounding(net):
    """How far objects in one batch may be from objects one by one; logits are 0.1 to 10."""

    def logits(moved):
        return [o.mask_logits for o in run(moved, {0: prompt(1, 2, 3)})]

    tolerance = tolerance_of(net, logits)
    assert 1000 * tolerance < logits(net)[-1].std()
    return tolerance


# What comes out.


def test_output_of_a_predicted_frame(net):
    output = run(net, {0: prompt(5, 2)})[1]
    assert output.object_ids == [5, 2]
    assert output.mask_logits.shape == (2, 16, 16)
    assert output.presence_logits.shape == (2,)
    assert output.predicted_iou.shape == (2,)
    for tensor in (output.mask_logits, output.presence_logits, output.predicted_iou):
        assert tensor.dtype == torch.float32
        assert tensor.isfinite().all()


def test_output_of_a_prompted_frame_is_the_prompt(net):
    output = run(net, {0: MaskPrompt([1, 2], torch.stack([box(1), box(2) & False]))})[0]
    truth = torch.nn.functional.interpolate(box(1)[None, None].float(), (16, 16), mode="area")[0, 0]
    sure = (truth == 0) | (truth == 1)
    assert torch.equal(output.mask_logits[0][sure] > 0, truth[sure] > 0)
    assert output.presence_logits.tolist() == [10.0, -10.0]
    assert output.predicted_iou.tolist() == [1.0, 1.0]


def test_no_slots_before_the_first_prompt(net):
    outputs = run(net, {2: prompt(1)}, count=4)
    assert [o.object_ids for o in outputs] == [[], [], [1], [1]]
    assert outputs[0].mask_logits.shape == (0, 16, 16)
    assert outputs[0].presence_logits.shape == (0,)


def test_a_prompt_without_objects_is_no_prompt(net):
    nothing = MaskPrompt([], torch.zeros(0, *SIZE_HW, dtype=torch.bool))
    assert [o.object_ids for o in run(net, {0: nothing, 1: prompt(4)}, count=3)] == [[], [4], [4]]


def test_last_changes_nothing_but_later_frames(net):
    expected = run(net, {0: prompt(1, 2)}, count=4)[-1]
    stream = Sam2Session(net.model, 4)
    for time, frame in enumerate(frames(4)):
        output = stream.step(frame, prompt(1, 2) if time == 0 else None, last=time == 3)
    assert torch.equal(output.mask_logits, expected.mask_logits)


def test_frames_and_prompts_may_be_on_any_grid(net):
    """Another frame size, non-contiguous: what a crop or a permuted decoder gives."""
    wide = torch.randint(0, 256, (50, 90, 3), dtype=torch.uint8).permute(2, 0, 1)
    assert not wide.is_contiguous()
    stream = Sam2Session(net.model)
    mask = torch.ones(1, 50, 90, dtype=torch.bool)
    first = stream.step(wide, MaskPrompt([1], mask))
    assert (first.mask_logits > 0).all()
    again = Sam2Session(net.model).step(wide.contiguous(), MaskPrompt([1], mask))
    assert torch.equal(first.mask_logits, again.mask_logits)


# Objects are independent.


@pytest.mark.parametrize("batch_size", [1, 2, 16])
def test_batching_changes_nothing(net, rounding, batch_size):
    outputs = run(net, {0: prompt(1, 2, 3), 4: prompt(4, 2, shift=3)}, batch_size=batch_size)
    alone = {i: run(net, {0: prompt(i)}, batch_size=1) for i in (1, 3)}
    alone[2] = run(net, {0: prompt(2), 4: prompt(2, shift=3)}, batch_size=1)
    alone[4] = run(net, {4: prompt(4, shift=3)}, batch_size=1)
    atol = 0.0 if batch_size == 1 else rounding
    for object_id, expected in alone.items():
        assert_same(logits_of(outputs, object_id), logits_of(expected, object_id), atol=atol)


@pytest.mark.parametrize("batch_size", [1, 16])
def test_a_later_object_leaves_earlier_ones_alone(net, rounding, batch_size):
    before = run(net, {0: prompt(1, 2)}, batch_size=batch_size)
    after = run(net, {0: prompt(1, 2), 5: prompt(3)}, batch_size=batch_size)
    assert [o.object_ids for o in after[4:6]] == [[1, 2], [1, 2, 3]]
    for object_id in (1, 2):
        assert_same(
            logits_of(before, object_id),
            logits_of(after, object_id),
            atol=(batch_size > 1) * rounding,
        )


def test_a_later_object_sees_nothing_of_before(net):
    """As if the video had begun with its prompt."""
    late = logits_of(run(net, {3: prompt(2)}), 2)
    stream = Sam2Session(net.model, 12)
    pixels = frames(12)[3:]
    fresh = [stream.step(f, prompt(2) if t == 0 else None) for t, f in enumerate(pixels)]
    assert_same(late, logits_of(fresh, 2))


def test_a_correction_changes_the_corrected_object_only(net, rounding):
    before = run(net, {0: prompt(1, 2)})
    after = run(net, {0: prompt(1, 2), 6: prompt(2, shift=9)})
    assert [o.object_ids for o in after[5:7]] == [[1, 2], [1, 2]]
    assert_same(logits_of(before, 1), logits_of(after, 1), atol=rounding)
    assert_same(logits_of(before, 2)[:6], logits_of(after, 2)[:6])
    assert after[6].predicted_iou[1] == 1
    assert (logits_of(before, 2)[7] - logits_of(after, 2)[7]).abs().max() > rounding


def test_slots_keep_the_order_of_first_prompts(net, rounding):
    outputs = run(net, {0: prompt(7, 3), 2: prompt(1), 4: prompt(3, 5)}, count=6)
    assert outputs[-1].object_ids == [7, 3, 1, 5]
    alone = run(net, {2: prompt(1)}, count=6)
    assert_same(logits_of(outputs, 1), logits_of(alone, 1), atol=rounding)


# Removing objects.


def test_removed_objects_are_gone_and_others_go_on(net, rounding):
    expected = run(net, {0: prompt(1, 2, 3)}, count=6)
    stream = Sam2Session(net.model, 6)
    outputs = []
    for time, frame in enumerate(frames(6)):
        if time == 3:
            stream.remove_object(2)
        outputs.append(stream.step(frame, prompt(1, 2, 3) if time == 0 else None))
    assert stream.object_ids == [1, 3]
    assert outputs[-1].object_ids == [1, 3]
    for object_id in (1, 3):
        assert_same(logits_of(outputs, object_id), logits_of(expected, object_id), atol=rounding)


def test_a_removed_object_may_come_back_as_a_new_one(net):
    stream = Sam2Session(net.model)
    pixels = frames(3)
    stream.step(pixels[0], prompt(1))
    stream.remove_object(1)
    assert stream.step(pixels[1]).object_ids == []
    assert stream.step(pixels[2], prompt(1)).object_ids == [1]


# Memory.


def stored_bytes(stream):
    """Bytes of all distinct tensors a session holds on to, the network's own apart."""
    own = {p.data_ptr() for p in stream.model.parameters()}
    seen, total, todo = set(), 0, [vars(stream)]
    while todo:
        item = todo.pop()
        if isinstance(item, torch.nn.Module) or id(item) in seen:
            continue
        seen.add(id(item))
        if isinstance(item, torch.Tensor):
            storage = item.untyped_storage()
            if storage.data_ptr() not in own | seen:
                seen.add(storage.data_ptr())
                total += storage.nbytes()
        elif isinstance(item, dict):
            todo += item.values()
        elif isinstance(item, list | tuple):
            todo += item
        elif hasattr(item, "__dict__"):
            todo.append(vars(item))
    return total


def test_removing_objects_frees_their_memory(net):
    removed, alone = Sam2Session(net.model), Sam2Session(net.model)
    for time, frame in enumerate(frames(5)):
        removed.step(frame, prompt(1, 2, 3) if time == 0 else None)
        alone.step(frame, prompt(2) if time == 0 else None)
    removed.remove_object(1)
    removed.remove_object(3)
    assert stored_bytes(removed) == stored_bytes(alone)


# Modes.


def test_runs_in_inference_mode(net):
    assert run(net, {0: prompt(1)}, count=2)[1].mask_logits.is_inference()


def test_runs_under_autocast(net):
    with torch.autocast("cpu", torch.bfloat16):
        outputs = run(net, {0: prompt(1, 2), 2: prompt(3)}, count=5)
    exact = run(net, {0: prompt(1, 2), 2: prompt(3)}, count=5)
    for low, full in zip(outputs, exact, strict=True):
        assert low.mask_logits.dtype == torch.float32
        assert low.presence_logits.dtype == torch.float32
        assert (low.mask_logits - full.mask_logits).abs().max() < 0.1


def test_a_network_in_training_mode_is_refused():
    with pytest.raises(RuntimeError, match="eval"):
        Sam2(image_size=32).start()


# Bad input.


@pytest.mark.parametrize(
    "frame",
    [
        torch.zeros(3, *SIZE_HW),
        torch.zeros(1, *SIZE_HW, dtype=torch.uint8),
        torch.zeros(1, 3, *SIZE_HW, dtype=torch.uint8),
    ],
)
def test_bad_frames(net, frame):
    with pytest.raises(ValueError, match="uint8"):
        Sam2Session(net.model).step(frame)


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (MaskPrompt([1], torch.zeros(1, 5, 5, dtype=torch.bool)), "5, 5"),
        (MaskPrompt([1], torch.zeros(1, *SIZE_HW)), "float32"),
        (MaskPrompt([1, 2], torch.zeros(1, *SIZE_HW, dtype=torch.bool)), "2, 48, 64"),
        (MaskPrompt([1, 1], torch.zeros(2, *SIZE_HW, dtype=torch.bool)), "once"),
    ],
)
def test_bad_prompts(net, bad, says):
    stream = Sam2Session(net.model)
    with pytest.raises(ValueError, match=says):
        stream.step(frames(1)[0], bad)
    assert stream.object_ids == []


def test_more_frames_than_announced(net):
    stream = Sam2Session(net.model, 1)
    stream.step(frames(1)[0])
    with pytest.raises(ValueError, match="1 frames"):
        stream.step(frames(1)[0])


def test_batch_size_must_be_positive(net):
    with pytest.raises(ValueError, match="0"):
        Sam2Session(net.model, batch_size=0)


def test_nano_as_it_ships_batches_within_rounding():
    """One candidate mask, random weights, objects present: what a fresh nano runs as."""
    clip = generate_clip(3, num_frames=20, size_hw=(180, 320))
    images = torch.from_numpy(clip.frames.copy()).permute(0, 3, 1, 2)
    objects = MaskPrompt.from_id_map(torch.from_numpy(clip.id_maps[0].copy()))
    objects = MaskPrompt(objects.object_ids[:3], objects.masks[:3])
    model = build_sam2_base("nano", image_size=128).eval()
    torch.nn.init.constant_(model.sam_mask_decoder.pred_obj_score_head.layers[-1].bias, 3.0)

    def logits(model, **options):
        session = Sam2Session(model, 20, **options)
        return [
            session.step(frame, None if t else objects).mask_logits
            for t, frame in enumerate(images)
        ]

    batched, single = logits(model), logits(model, batch_size=1)
    assert all(len(frame) == 3 for frame in batched)
    assert_same(batched, single, atol=tolerance_of(model, logits, draws=1))

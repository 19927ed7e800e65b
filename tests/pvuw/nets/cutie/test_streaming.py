"""Sessions of Cutie and LiVOS: prompts at any time, objects that go, memory that stays bounded."""

import pytest
import torch

from pvuw.nets.cutie.memory import LongTermConfig, MemoryConfig
from pvuw.ops.id_maps import logits_to_id_map
from pvuw.types import MaskPrompt
from tests.pvuw.nets.cutie.tiny import NAMES, boxes, frames, tiny

VIDEO = frames(8)
MASKS = boxes(3)


@pytest.fixture(params=NAMES)
def net(request):
    return tiny(request.param)


def run(session, *, prompts, count=6):
    return [
        session.step(VIDEO[t], prompts.get(t), last=t == count - 1).mask_logits
        for t in range(count)
    ]


def test_output_is_at_the_unpadded_size_and_finite(net):
    session = net.start(num_frames=2)
    video = frames(2, size_hw=(50, 70))
    first = session.step(video[0], MaskPrompt([7, 2], boxes(2, size_hw=(50, 70))))
    second = session.step(video[1], last=True)
    assert first.object_ids == second.object_ids == [7, 2]
    for output in (first, second):
        assert output.mask_logits.shape == (2, 50, 70)
        assert output.mask_logits.dtype == torch.float32
        assert torch.isfinite(output.mask_logits).all()
        assert not output.mask_logits.requires_grad


def test_frames_before_the_first_prompt_have_no_objects_and_leave_no_trace(net):
    late, prompt = net.start(), MaskPrompt([1, 2], MASKS[:2])
    assert late.step(VIDEO[7]).mask_logits.shape == (0, 64, 80)
    for a, b in zip(
        run(late, prompts={0: prompt}), run(net.start(), prompts={0: prompt}), strict=True
    ):
        assert torch.equal(a, b)


def test_given_masks_hold_and_others_yield(net):
    session = net.start()
    session.step(VIDEO[0], MaskPrompt([1, 2], MASKS[:2]))
    session.step(VIDEO[1])
    moved = MASKS[:1].roll(20, dims=-1)
    output = session.step(VIDEO[2], MaskPrompt([9, 1], torch.stack([MASKS[2], moved[0]])))
    assert output.object_ids == [1, 2, 9]
    ids = logits_to_id_map(output.mask_logits, output.object_ids)
    assert (ids[MASKS[2] & ~moved[0]] == 9).all()
    assert (ids[moved[0] & ~MASKS[2]] == 1).all()
    assert (ids[~moved[0]] != 1).all()  # nothing of it is left elsewhere


def test_order_of_ids_in_a_prompt_does_not_matter(net):
    sessions = [net.start(), net.start()]
    orders = ([0, 1], [1, 0])
    for session in sessions:
        session.step(VIDEO[0], MaskPrompt([4, 6], MASKS[:2]))
    corrected = MASKS[[1, 2]]
    results = [
        session.step(VIDEO[1], MaskPrompt([[4, 6][i] for i in order], corrected[order])).mask_logits
        for session, order in zip(sessions, orders, strict=True)
    ]
    assert torch.equal(*results)
    assert torch.equal(*[session.step(VIDEO[2]).mask_logits for session in sessions])


def test_removed_object_takes_its_own_state_only(net):
    session = net.start()
    session.step(VIDEO[0], MaskPrompt([1, 2, 3], MASKS))
    session.step(VIDEO[1])
    before = session._state
    session.remove_object(2)
    assert session.object_ids == [1, 3]
    for name in ("masks", "sensory", "summaries"):
        assert torch.equal(getattr(session._state, name), getattr(before, name)[[0, 2]])
    output = session.step(VIDEO[2])
    assert output.object_ids == [1, 3]
    assert output.mask_logits.shape[0] == 2
    with pytest.raises(KeyError, match="object 2 is not tracked"):
        session.remove_object(2)


def test_session_without_objects_starts_afresh(net):
    session = net.start()
    session.step(VIDEO[6], MaskPrompt([1, 2], MASKS[1:]))
    session.step(VIDEO[7])
    for object_id in (1, 2):
        session.remove_object(object_id)
    assert session.step(VIDEO[5]).object_ids == []
    prompts = {0: MaskPrompt([5], MASKS[:1])}
    fresh = run(net.start(), prompts=prompts)
    assert all(torch.equal(a, b) for a, b in zip(run(session, prompts=prompts), fresh, strict=True))


def test_objects_that_appear_together_are_like_one_video_with_padding_slots(net):
    """An object that appears later does not change what was said before."""
    prompts = {0: MaskPrompt([1], MASKS[:1])}
    alone = run(net.start(), prompts=prompts)
    joined = run(net.start(), prompts={**prompts, 3: MaskPrompt([2], MASKS[1:2])})
    assert all(torch.equal(a, b) for a, b in zip(alone[:3], joined[:3], strict=True))
    assert [logits.shape[0] for logits in joined] == [1, 1, 1, 2, 2, 2]


def test_scale_changes_the_size_of_the_masks(net):
    session = net.start(scale=0.5)
    assert session.step(VIDEO[0], MaskPrompt([1], MASKS[:1])).mask_logits.shape == (1, 32, 40)


def test_bad_input_is_refused(net):
    with pytest.raises(RuntimeError, match="training mode"):
        net.train().start()
    session = net.eval().start()
    with pytest.raises(ValueError, match="uint8"):
        session.step(VIDEO[0].float())
    with pytest.raises(ValueError, match="each object once"):
        session.step(VIDEO[0], MaskPrompt([1, 1], MASKS[:2]))
    with pytest.raises(ValueError, match="bool"):
        session.step(VIDEO[0], MaskPrompt([1], MASKS[:2]))
    session.step(VIDEO[0], MaskPrompt([1], MASKS[:1]))
    with pytest.raises(ValueError, match="one size"):
        session.step(VIDEO[1][:, :32])


@pytest.mark.parametrize("frames_kept", [1, 3])
def test_pixel_memory_is_first_in_first_out(frames_kept):
    net = tiny("cutie", memory=MemoryConfig(mem_every=1, max_mem_frames=frames_kept))
    session = net.start()
    sizes = []
    for t in range(6):
        session.step(VIDEO[t], MaskPrompt([1], MASKS[:1]) if t == 0 else None)
        sizes.append(len(session._buckets[0].working) // 20)
    assert sizes == [min(t + 1, frames_kept) for t in range(6)]


def test_long_term_memory_is_bounded_at_any_limit():
    condensed = LongTermConfig(
        max_mem_frames=2, min_mem_frames=1, num_prototypes=30, max_num_tokens=45, buffer_tokens=15
    )
    memory = MemoryConfig(mem_every=1, long_term=condensed, top_k=4)
    session = tiny("cutie", memory=memory).start()
    sizes = []
    for t in range(8):
        session.step(VIDEO[t], MaskPrompt([1, 2], MASKS[:2]) if t == 0 else None)
        long = session._buckets[0].long
        sizes.append(0 if long is None else len(long))
    assert max(sizes) <= condensed.max_num_tokens
    assert sizes[-1] == 20  # fewer cells than prototypes: all of a frame's, after all others left


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"max_mem_frames": 3, "min_mem_frames": 3}, "min_mem_frames < max_mem_frames"),
        ({"max_num_tokens": 100, "num_prototypes": 90, "buffer_tokens": 20}, "max_num_tokens"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        LongTermConfig(**settings)

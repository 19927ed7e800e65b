"""What happens to objects and memory while a video runs."""

import pytest
import torch

from pvuw.nets.xmem.config import XMemConfig
from pvuw.types import MaskPrompt

SIZE_HW = (48, 64)
SMALL = XMemConfig(
    mem_every=1, min_frames=2, max_frames=3, num_prototypes=4, max_long_term=12, top_k=5
)


def frames(count, seed=0):
    generator = torch.Generator().manual_seed(seed)
    shape = (count, 3, *SIZE_HW)
    return torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)


def box(top, left, side=16):
    mask = torch.zeros(SIZE_HW, dtype=torch.bool)
    mask[top : top + side, left : left + side] = True
    return mask


def prompt(**masks):
    return MaskPrompt([int(name[1:]) for name in masks], torch.stack(list(masks.values())))


def test_nothing_is_tracked_before_the_first_prompt(narrow):
    first, second, third = frames(3)
    session = narrow().start()
    assert session.step(first).mask_logits.shape == (0, *SIZE_HW)
    late = session.step(second, prompt(_7=box(8, 8)))
    assert late.object_ids == [7]
    fresh = narrow().start()
    assert torch.equal(fresh.step(second, prompt(_7=box(8, 8))).mask_logits, late.mask_logits)
    assert torch.equal(fresh.step(third).mask_logits, session.step(third).mask_logits)


def test_given_masks_come_back(narrow):
    output = narrow().start().step(frames(1)[0], prompt(_5=box(0, 0), _2=box(20, 30)))
    assert torch.equal(output.mask_logits > 0, torch.stack([box(0, 0), box(20, 30)]))
    assert output.mask_logits.dtype == torch.float32


def test_a_late_mask_takes_its_place_from_those_tracked(narrow):
    first, second, third = frames(3)
    session = narrow().start()
    session.step(first, prompt(_1=box(0, 0, 40)))
    predicted = narrow().start()
    predicted.step(first, prompt(_1=box(0, 0, 40)))
    alone = predicted.step(second).mask_logits[0]
    both = session.step(second, prompt(_9=box(8, 8))).mask_logits
    assert torch.equal(both[1] > 0, box(8, 8))
    assert (both[0][box(8, 8)] <= 0).all()
    outside = ~box(8, 8)
    # Elsewhere the first object is what it would have been: its probability is taken over.
    assert torch.equal(both[0][outside] > 0, alone[outside] > 0)
    assert session.step(third).object_ids == [1, 9]


def test_a_known_object_is_corrected(narrow):
    first, second, third = frames(3)
    session = narrow().start()
    session.step(first, prompt(_1=box(0, 0), _2=box(20, 20)))
    output = session.step(second, prompt(_2=box(30, 40)))
    assert output.object_ids == [1, 2]
    assert torch.equal(output.mask_logits[1] > 0, box(30, 40))
    assert [len(group.slots) for group in session.memory.groups] == [2]
    session.step(third)


@pytest.mark.parametrize("long_term", [True, False])
def test_a_removed_object_leaves_nothing(narrow, long_term):
    config = XMemConfig(mem_every=1, long_term=long_term)
    shown = frames(3)
    session = narrow(memory=config).start()
    session.step(shown[0], prompt(_1=box(0, 0), _2=box(20, 20), _3=box(30, 40)))
    session.step(shown[1])
    session.remove_object(2)
    assert session.object_ids == [1, 3]
    (group,) = session.memory.groups
    assert group.slots == [0, 1]
    assert group.work.shape[1] == 2
    output = session.step(shown[2])
    assert output.object_ids == [1, 3]
    assert output.mask_logits.shape == (2, *SIZE_HW)
    with pytest.raises(KeyError, match="2 is not tracked"):
        session.remove_object(2)


def test_a_removed_group_takes_its_keys_along(narrow):
    shown = frames(8)
    session = narrow(memory=SMALL).start()
    session.step(shown[0], prompt(_1=box(0, 0)))
    for t in range(1, 4):
        session.step(shown[t])
    session.step(shown[4], prompt(_2=box(20, 20)))
    cells = 3 * 4
    session.remove_object(1)
    assert [g.slots for g in session.memory.groups] == [[0]]
    assert session.memory.work.size == cells  # the one frame that the late object has a value for
    assert session.memory.long is None
    for t in range(5, 8):
        assert session.step(shown[t]).object_ids == [2]


def test_after_the_last_object_a_session_starts_over(narrow):
    shown = frames(4)
    session = narrow().start()
    session.step(shown[0], prompt(_1=box(0, 0)))
    session.step(shown[1])
    session.remove_object(1)
    assert session.step(shown[2]).object_ids == []
    again = session.step(shown[2], prompt(_1=box(9, 9)))
    fresh = narrow().start()
    assert torch.equal(fresh.step(shown[2], prompt(_1=box(9, 9))).mask_logits, again.mask_logits)
    assert torch.equal(fresh.step(shown[3]).mask_logits, session.step(shown[3]).mask_logits)


def test_objects_may_come_when_long_term_memory_is_full(narrow):
    """Where the original stops: it cannot drop cells once there are two groups."""
    session = narrow(memory=SMALL).start()
    session.step(frames(1)[0], prompt(_1=box(0, 0)))
    for t, frame in enumerate(frames(20, seed=1)):
        session.step(frame, prompt(_2=box(20, 20)) if t == 3 else None)
        if session.memory.long is not None:
            assert session.memory.long.size <= SMALL.max_long_term
    first, second = session.memory.groups
    assert 0 < second.long_size <= first.long_size == session.memory.long.size


def test_long_term_memory_may_be_exactly_full(narrow):
    """Where the original stops: nothing is to be dropped, and it looks for the least used."""
    config = XMemConfig(
        mem_every=1, min_frames=2, max_frames=3, num_prototypes=4, max_long_term=8, top_k=5
    )
    session = narrow(memory=config).start()
    session.step(frames(1)[0], prompt(_1=box(0, 0)))
    sizes = []
    for frame in frames(6, seed=1):
        session.step(frame)
        sizes.append(0 if session.memory.long is None else session.memory.long.size)
    assert sizes[:3] == [0, 4, 8]
    assert max(sizes) == 8


def test_frames_smaller_than_the_prototypes(narrow):
    """Where the original stops: fewer cells than prototypes, and than those each place reads."""
    session = narrow(memory=XMemConfig(mem_every=1, min_frames=1, max_frames=2)).start()
    session.step(frames(1)[0], prompt(_1=box(0, 0)))
    for frame in frames(3, seed=1):
        assert session.step(frame).mask_logits.isfinite().all()
    assert session.memory.long.size == 3 * 12


@pytest.mark.parametrize("length", [40, pytest.param(500, marks=pytest.mark.slow)])
def test_memory_is_constant(narrow, length):
    session = narrow(memory=SMALL).start()
    session.step(frames(1)[0], prompt(_1=box(0, 0), _2=box(20, 20), _3=box(30, 40)))
    cells = []
    for frame in frames(20, seed=1).repeat(length // 20, 1, 1, 1):
        session.step(frame)
        held = [session.memory.work.key, session.memory.groups[0].values()]
        held += [] if session.memory.long is None else [session.memory.long.key]
        cells.append(sum(tensor.untyped_storage().nbytes() for tensor in held))
    assert max(cells[10:]) <= max(cells[:10])


def test_without_long_term_memory_there_is_a_cap(narrow):
    def frames_kept(most):
        config = XMemConfig(mem_every=1, long_term=False, max_working_frames=most)
        session = narrow(memory=config).start()
        session.step(frames(1)[0], prompt(_1=box(0, 0)))
        first = session.memory.work.key[..., :12].clone()
        for t, frame in enumerate(frames(6, seed=1)):
            session.step(frame, prompt(_2=box(20, 20)) if t == 4 else None)
        assert torch.equal(session.memory.work.key[..., :12], first)
        return [session.memory.work.size // 12] + [
            len(group.work) // 12 for group in session.memory.groups
        ]

    assert frames_kept(3) == [3, 3, 2]
    assert frames_kept(None) == [7, 7, 2]


def test_the_last_frame_is_not_remembered(narrow):
    session = narrow(memory=XMemConfig(mem_every=1)).start()
    session.step(frames(1)[0], prompt(_1=box(0, 0)))
    session.step(frames(1, seed=1)[0], last=True)
    assert session.memory.work.size == 12


def test_frames_are_resized_and_scaled(narrow):
    def inner(scale, **arguments):
        session = narrow(**arguments).start(scale=scale)
        return session.step(frames(1)[0], prompt(_1=box(0, 0))).mask_logits.shape[1:]

    assert inner(1.0, frame_size=None) == (480, 640)
    assert inner(0.5) == (24, 32)
    assert inner(1.5) == (72, 96)


def test_wrong_input_is_refused(narrow):
    session = narrow().start()
    with pytest.raises(ValueError, match="uint8"):
        session.step(frames(1)[0].float())
    with pytest.raises(ValueError, match="one per object"):
        session.step(frames(1)[0], MaskPrompt([1, 2], box(0, 0)[None]))
    session.step(frames(1)[0], prompt(_1=box(0, 0)))
    with pytest.raises(ValueError, match="one size"):
        session.step(frames(1)[0][:, :32])


def test_without_sensory_memory(narrow):
    from pvuw.nets.xmem.modules import XMemWidths

    net = narrow(widths=XMemWidths(key=16, value=32, sensory=0, trunk=8))
    assert not [n for n in net.state_dict() if "hidden" in n]
    session = net.start()
    session.step(frames(1)[0], prompt(_1=box(0, 0)))
    assert session.step(frames(1, seed=1)[0]).mask_logits.isfinite().all()


def test_settings_without_a_meaning_are_refused():
    with pytest.raises(ValueError, match="max_frames"):
        XMemConfig(max_frames=5)
    with pytest.raises(ValueError, match="max_long_term"):
        XMemConfig(max_long_term=128)
    with pytest.raises(ValueError, match="mem_every"):
        XMemConfig(mem_every=0)
    with pytest.raises(ValueError, match="max_working_frames"):
        XMemConfig(max_working_frames=1)


def test_half_precision_stays_near(narrow):
    shown = frames(6)
    config = XMemConfig(mem_every=1, min_frames=2, max_frames=3, num_prototypes=4)

    def run(enabled):
        session = narrow(memory=config).start()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled):
            session.step(shown[0], prompt(_1=box(0, 0)))
            return [session.step(frame).mask_logits.sigmoid() for frame in shown[1:]]

    for exact, half in zip(run(False), run(True), strict=True):
        assert half.dtype == torch.float32
        assert (exact - half).abs().mean() < 0.05

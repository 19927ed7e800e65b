"""Sessions of TMO: ids carried through a video, motion of its first and last frames."""

import pytest
import torch

from pvuw.nets.tmo.identities import IdentityConfig
from pvuw.nets.tmo.session import TmoSession
from pvuw.ops.id_maps import logits_to_id_map
from pvuw.types import MaskPrompt

SIZE_HW = (24, 40)
CONFIG = IdentityConfig(reach=0.1)


def boxes(*places):
    """Bool `[N, H, W]`: a 6x6 box at each (top, left)."""
    drawn = torch.zeros(len(places), *SIZE_HW, dtype=torch.bool)
    for slot, (top, left) in enumerate(places):
        drawn[slot, top : top + 6, left : left + 6] = True
    return drawn


def frame(*places):
    """A black frame with red boxes: the foreground."""
    drawn = torch.zeros(3, *SIZE_HW, dtype=torch.uint8)
    drawn[0] = boxes(*places).any(0) * 255 if places else 0
    return drawn


def play(session, frames, prompts):
    """Outputs of all frames, each shown with the one after it."""
    following = [*frames[1:], None]
    return [
        session.step(shown, prompts.get(t), last=later is None, next_frame=later)
        for t, (shown, later) in enumerate(zip(frames, following, strict=True))
    ]


def id_map(output):
    return logits_to_id_map(output.mask_logits, output.object_ids)


def test_ids_follow_the_flow(drawn, constant_flow):
    """Two boxes change places in one step; only the flow can tell which is which."""
    frames = [frame((2, 4), (2, 24)), frame((2, 14), (14, 24)), frame((2, 24), (14, 24))]
    masks = boxes((2, 4), (14, 14))
    flow = constant_flow((10, 0), (10, 0), (-10, 0))
    outputs = play(TmoSession(drawn(flow), CONFIG), frames, {0: MaskPrompt([7, 3], masks)})
    assert torch.equal(id_map(outputs[1]) == 7, boxes((2, 14))[0])
    assert torch.equal(id_map(outputs[1]) == 3, boxes((14, 24))[0])
    assert torch.equal(id_map(outputs[2]) == 7, boxes((2, 24))[0])


def test_given_masks_come_out_as_given(drawn):
    """Whatever the network says of that frame."""
    session = TmoSession(drawn(), CONFIG)
    output = session.step(frame(), MaskPrompt([5], boxes((2, 4))))
    assert torch.equal(output.mask_logits[0] > 0, boxes((2, 4))[0])
    assert output.has_opinion.tolist() == [True]


def test_an_object_that_does_not_stand_out_is_found_again(drawn, constant_flow):
    frames = [frame((2, 4)), frame(), frame((2, 16)), frame((2, 22))]
    flow = constant_flow((6, 0), (6, 0), (6, 0), (-6, 0))
    session = TmoSession(drawn(flow), CONFIG)
    outputs = play(session, frames, {0: MaskPrompt([5], boxes((2, 4)))})
    assert [o.has_opinion.item() for o in outputs] == [True, False, True, True]
    assert not outputs[1].mask_logits.any()
    assert torch.equal(id_map(outputs[2]) == 5, boxes((2, 16))[0])


def test_later_objects_and_corrections(drawn):
    session = TmoSession(drawn(), CONFIG)
    session.step(frame((2, 4)), MaskPrompt([5], boxes((2, 4))))
    output = session.step(frame((2, 4), (14, 20)), MaskPrompt([9], boxes((14, 20))))
    assert output.object_ids == [5, 9]
    assert torch.equal(id_map(output) == 5, boxes((2, 4))[0])
    output = session.step(frame((2, 4), (14, 20)), MaskPrompt([5], boxes((14, 22))))
    assert torch.equal(id_map(output) == 5, boxes((14, 22))[0])
    assert (id_map(output) == 9).sum() == 12  # the two columns the correction left
    output = session.step(frame((2, 4), (14, 20)))
    assert set(id_map(output).unique().tolist()) == {0, 5, 9}


def test_a_removed_object_leaves_nothing(drawn):
    session = TmoSession(drawn(), CONFIG)
    session.step(frame((2, 4), (14, 20)), MaskPrompt([5, 9], boxes((2, 4), (14, 20))))
    session.remove_object(5)
    output = session.step(frame((2, 4), (14, 20)))
    assert output.object_ids == [9]
    assert torch.equal(id_map(output) == 9, boxes((14, 20))[0])
    session.remove_object(9)
    assert session.step(frame((2, 4))).object_ids == []
    with pytest.raises(KeyError):
        session.remove_object(9)


# Motion.


def motions(stream):
    return [int(motion[0, 0, 0, 0] * 255 + 0.5) for motion in stream.network.motions]


@pytest.mark.parametrize(("last", "shown"), [("backward", 97), ("repeat", 105)])
def test_motion_is_forward_and_the_last_frames_is_made_up(drawn, constant_flow, last, shown):
    flow = constant_flow((4, 0), (5, 0), (-3, 0), last=last)
    stream = drawn(flow)
    frames = [frame((2, 4)), frame((2, 8)), frame((2, 13))]
    play(TmoSession(stream, CONFIG), frames, {0: MaskPrompt([5], boxes((2, 4)))})
    assert motions(stream) == [105, shown]  # the prompted frame needs no foreground
    pairs = [(frames.index(a), frames.index(b)) for a, b in index_pairs(flow.pairs, frames)]
    assert pairs == [(0, 1), (1, 2), *([(2, 1)] if last == "backward" else [])]


def index_pairs(pairs, frames):
    """The frames of a list that tensors are equal to."""

    class Same:
        def __init__(self, tensor):
            self.tensor = tensor

        def __eq__(self, other):
            return torch.equal(self.tensor, other)

    return [(Same(a), Same(b)) for a, b in pairs]


def test_a_single_frame_stands_in_for_its_motion(drawn, constant_flow):
    stream = drawn(constant_flow())
    stream.advance(frame((2, 4)), None)
    stream.logits()
    assert torch.equal(stream.network.motions[0][0], frame((2, 4)) / 255)


def test_without_flow_frames_stand_in_and_masks_are_expected_where_they_were(drawn):
    stream = drawn()
    outputs = play(
        TmoSession(stream, CONFIG),
        [frame((2, 4)), frame((2, 6))],
        {0: MaskPrompt([5], boxes((2, 4)))},
    )
    assert torch.equal(stream.network.motions[0][0], frame((2, 6)) / 255)
    assert torch.equal(id_map(outputs[1]) == 5, boxes((2, 6))[0])


def held_bytes(session):
    stream = session._stream
    tensors = [session._masks, stream._frame, stream._drawn, stream._to_next, stream._from_previous]
    return sum(t.untyped_storage().nbytes() for t in tensors if t is not None)

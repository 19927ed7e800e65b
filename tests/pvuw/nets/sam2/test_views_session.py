"""Several views in one session: each as if it were alone, in fewer calls of the network."""

from collections import Counter

import pytest
import torch

from pvuw.inference.views import View
from pvuw.nets.sam2 import PromoteReliable, fusion
from pvuw.nets.sam2.across import without_overlap
from pvuw.nets.sam2.decoding import DecodedMasks
from pvuw.nets.sam2.groups import ObjectGroup, Target
from pvuw.nets.sam2.session import Sam2Session
from tests.helpers.noise import tolerance_of
from tests.pvuw.nets.sam2.test_memory_session import Told, gone_at
from tests.pvuw.nets.sam2.test_session import frames, net, prompt  # noqa: F401 (a fixture)

VIEWS = [View(), View(rotation=90), View(flip=True)]
PROMPTS = {0: prompt(1, 3), 2: prompt(2), 4: prompt(1, shift=4)}
COUNT = 7


@pytest.fixture(autouse=True)
def _memory_without_steps(monkeypatch):
    """A bfloat16 that rounds to its other neighbour is a step that no noise floor foresees."""
    monkeypatch.setattr(fusion, "MEMORY_DTYPE", torch.float32)


def beliefs_of(view):
    """Of three objects; the first leaves on another frame in each view."""
    return gone_at(2 + view), gone_at(), gone_at()


def beliefs():
    """Those of all views, in the order in which a session begins with its rows."""
    told = [beliefs_of(view) for view in range(len(VIEWS))]
    return [one for view in told for one in view[:2]] + [view[2] for view in told]


def together(session, views=VIEWS, *, count=COUNT, prompts=PROMPTS, removed=5):
    """Outputs of each view."""
    outputs = []
    for t, frame in enumerate(frames(count)):
        if t == removed:
            session.remove_object(3)
        seen = [view.show(frame) for view in views]
        told = [view.show_prompt(prompts.get(t)) for view in views]
        outputs.append(list(session.step_views(seen, told, last=t == count - 1)))
    return [list(of_view) for of_view in zip(*outputs, strict=True)]


def said(outputs):
    """All that is said of all views and frames."""
    return [
        value
        for of_view in outputs
        for o in of_view
        for value in (o.mask_logits, o.presence_logits, o.predicted_iou)
    ]


OPTIONS = {
    "batches of several views": {"batch_size": 5},
    "no overlap": {"non_overlap_memory": True},
    "a policy": {},
}


@pytest.mark.parametrize("name", OPTIONS)
def test_views_in_one_session_are_views_in_sessions_apart(net, name):  # noqa: F811
    def options(*told):
        policy = Told(PromoteReliable(), *told) if name == "a policy" else None
        return OPTIONS[name] | {"memory_policy": policy}

    def apart(model):
        return [
            together(Sam2Session(model, COUNT, **options(*beliefs_of(v))), [view])[0]
            for v, view in enumerate(VIEWS)
        ]

    joint = Sam2Session(net.model, COUNT, views=len(VIEWS), **options(*beliefs()))
    found, expected = together(joint), apart(net.model)
    for of_view, alone in zip(found, expected, strict=True):
        assert [o.object_ids for o in of_view] == [o.object_ids for o in alone]
    assert found[0][-1].object_ids == [1, 2]
    tolerance = tolerance_of(net.model, lambda model: said(apart(model)), draws=1)
    moves = [(a - b).abs().max() for a, b in zip(said(found), said(expected), strict=True)]
    assert max(moves) <= tolerance
    # Which object a pixel is left to can hang on the last bit, so the floor is high there.
    views_differ = (found[0][-1].mask_logits - found[2][-1].mask_logits.flip(-1)).abs().max()
    assert tolerance < views_differ * (1 if name == "no overlap" else 0.1)


def test_pixels_are_left_to_the_strongest_object_of_their_view(net):  # noqa: F811
    def masks(count):
        full = torch.randn(count, 1, 8, 8) * 20
        none = torch.zeros(count)
        return DecodedMasks(full, full, none, none[:, None], none[:, None], full)

    groups = [
        ObjectGroup([Target(0, 1), Target(1, 1)], None),
        ObjectGroup([Target(1, 2), Target(0, 2)], None),
        ObjectGroup([Target(0, 3), Target(1, 3)], None),
    ]
    decoded = [masks(2) for _ in groups]
    given = dict.fromkeys(groups[2].targets)
    first, second, third = without_overlap(net.model, groups, decoded, given)
    assert third is decoded[2]
    assert torch.equal(first.mask_logits, decoded[0].mask_logits)
    for view in range(2):
        rows = (view, 1 - view, view)
        before = torch.stack([m.full_logits[row] for m, row in zip(decoded, rows, strict=True)])
        strongest = before.argmax(0, keepdim=True) == torch.arange(3)[:, None, None, None]
        expected = torch.where(strongest, before, before.clamp(max=-10))
        assert torch.equal(first.full_logits[view], expected[0])
        assert torch.equal(second.full_logits[1 - view], expected[1])


def test_a_frame_is_one_call_of_each_part(net):  # noqa: F811
    calls = Counter()
    parts = {
        "encoder": net.model.image_encoder.neck,
        "memory attention": net.model.memory_attention.norm,
        "decoder": net.model.sam_mask_decoder,
        "memory encoder": net.model.memory_encoder,
    }
    hooks = [
        part.register_forward_hook(lambda *_, name=name: calls.update([name]))
        for name, part in parts.items()
    ]
    session = Sam2Session(net.model, 4, views=len(VIEWS))
    together(session, count=4, prompts={0: prompt(1, 2, 3)}, removed=None)
    for hook in hooks:
        hook.remove()
    # Nine rows; the first frame's are given, and the last frame is not remembered.
    assert calls == {"encoder": 4, "memory attention": 3, "decoder": 4, "memory encoder": 3}


def test_what_does_not_fit_is_refused(net):  # noqa: F811
    session = Sam2Session(net.model, views=2)
    frame, given = frames(1)[0], prompt(1)
    with pytest.raises(ValueError, match="follows 2 views, got 1 frames and 1 prompts"):
        session.step(frame, given)
    with pytest.raises(ValueError, match=r"views name different objects: \[\[1\], \[\]\]"):
        session.step_views([frame, frame], [given, None])
    with pytest.raises(ValueError, match="at the frame's size"):
        session.step_views([frame, View(rotation=90).show(frame)], [given, given])
    empty = list(session.step_views([frame, frame], [None, None]))
    assert [o.object_ids for o in empty] == [[], []]

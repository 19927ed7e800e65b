"""What a predicted frame makes a device wait for, counted on the CPU by a dispatch mode.

On a GPU each of these is a copy from the host, or a wait for the device: a tensor made of Python
numbers (`lift_fresh`), a number read back (`_local_scalar_dense`), an index of unknown length
(`nonzero`). The frame itself and its finished masks are not counted.
"""

import threading
from collections import Counter

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from pvuw.inference.lockstep import score_frames
from pvuw.inference.prompting import mask_prompts
from pvuw.inference.views import ViewConfig
from pvuw.io.queries import Query
from pvuw.nets.sam2 import PromoteReliable, Sam2, features
from pvuw.nets.sam2.features import FrameEncoder
from pvuw.nets.sam2.fusion import MemoryFusion
from pvuw.ops.id_maps import logits_to_id_map
from tests.helpers.echo import blocks, write_video
from tests.pvuw.nets.sam2.test_memory_session import Told, gone_at

WAITS = ("lift_fresh", "_local_scalar_dense", "nonzero", "is_nonzero", "masked_select")
FVOS = ViewConfig([1 + i / 8 for i in range(7)], [0, 90, 180, 270], [False, True])


class Waits(TorchDispatchMode):
    """Counts operations that wait; of this thread alone, which is the one that must not."""

    def __init__(self):
        super().__init__()
        self.counts = Counter()

    def __torch_dispatch__(self, op, types, args=(), kwargs=None):
        name = op.name().removeprefix("aten::").split(".")[0]
        if name in WAITS:
            self.counts[name] += 1
        return op(*args, **(kwargs or {}))


@pytest.fixture
def query(tmp_path):
    return Query.of(write_video(tmp_path / "v", blocks(8, (96, 128))))


def stream(net, query, views):
    prompts = mask_prompts(query, query.prompt, "first")
    for scores in score_frames(net, query.video, prompts=prompts, views=views, prefetch=2):
        yield logits_to_id_map(scores.mask_logits, scores.object_ids)


@pytest.mark.parametrize("fusion", ["mean", "weighted", "vote"])
def test_a_predicted_frame_waits_for_nothing(query, fusion):
    six = ViewConfig([1.0, 1.5], [0, 90], [False, True], fusion=fusion)
    for views in (ViewConfig(), six):
        frames = stream(Sam2(image_size=64).eval(), query, views)
        for _ in range(4):
            next(frames)
        with Waits() as waits:
            next(frames)
            next(frames)
        assert waits.counts == {}


def test_the_count_sees_what_waits():
    with Waits() as waits:
        values = torch.tensor([1.0, 2.0])
        values[[0]]
        bool(values[0] > 0)
        values.nonzero()
    assert waits.counts == {"lift_fresh": 2, "_local_scalar_dense": 1, "nonzero": 1}


def counted(monkeypatch, owner, name, calls):
    plain = getattr(owner, name)

    def call(*args, **kwargs):
        if threading.current_thread() is threading.main_thread():
            calls.append(name)
        return plain(*args, **kwargs)

    monkeypatch.setattr(owner, name, call)


def test_a_policy_is_told_after_the_next_frame_went_to_the_encoder(query, monkeypatch):
    """Whether its numbers are there is asked when the device has other work already."""
    calls = []
    counted(monkeypatch, FrameEncoder, "encode_views", calls)
    for name in ("tolist", "numpy", "cpu"):
        counted(monkeypatch, torch.Tensor, name, calls)
    leaves = Told(PromoteReliable(), gone_at(5), gone_at())  # two objects part after frame 5
    six = ViewConfig([1.0, 1.5], [0, 90], [False, True])
    for policy, views, sessions in (
        (PromoteReliable(), six, 2),
        (PromoteReliable(), ViewConfig(), 1),
        (leaves, ViewConfig(), 1),
    ):
        net = Sam2(image_size=64, memory_policy=policy).eval()
        frames = stream(net, query, views)
        for _ in range(4):
            next(frames)
        calls.clear()
        with Waits() as waits:
            for _ in range(3):
                next(frames)
        assert waits.counts == {}
        assert calls == ["encode_views", "tolist"] * 3 * sessions


def test_views_of_one_scale_share_one_resize_and_one_batch(tmp_path, monkeypatch):
    query = Query.of(write_video(tmp_path / "v", blocks(2, (96, 128))))
    sides, plain, calls = Counter(), features.resize_frame, []

    def resized(frame, side):
        sides[side] += 1
        return plain(frame, side)

    monkeypatch.setattr("pvuw.nets.sam2.net.resize_frame", resized)
    monkeypatch.setattr(features, "resize_frame", resized)
    counted(monkeypatch, FrameEncoder, "encode_views", calls)
    counted(monkeypatch, MemoryFusion, "read", calls)
    assert len(FVOS.views()) == 35
    assert sum(1 for _ in stream(Sam2(image_size=256).eval(), query, FVOS)) == 2
    assert set(sides.values()) == {2}
    assert len(sides) == 7
    assert Counter(calls) == {"encode_views": 2 * 7, "read": 7}

"""Several views in one session of SAM 3's tracker: each as if it were alone."""

import pytest
import torch

from pvuw.inference.views import View
from pvuw.nets.sam2 import fusion
from pvuw.nets.sam3 import Sam3
from pvuw.nets.sam3.competition import Competition
from pvuw.nets.sam3.long_memory import LongMemory
from pvuw.nets.sam3.selection import MemorySelection
from pvuw.types import MaskPrompt
from tests.helpers.noise import tolerance_of

SIZE = (40, 60)
VIEWS = [View(), View(rotation=90)]
COUNT = 5
OPTIONS = {
    "per video": {"selection": MemorySelection(scope="video")},
    "competition": {"competition": Competition()},
    "long memory": {"long_memory": LongMemory(every=2, min_score=0.0)},
}


@pytest.fixture(autouse=True)
def _memory_without_steps(monkeypatch):
    """A bfloat16 that rounds to its other neighbour is a step that no noise floor foresees."""
    monkeypatch.setattr(fusion, "MEMORY_DTYPE", torch.float32)


def prompt(*ids):
    """Masks that overlap, so that memory has to part them."""
    masks = torch.zeros(len(ids), *SIZE, dtype=torch.bool)
    for row, i in enumerate(ids):
        masks[row, 5 * i : 5 * i + 12, 6 * i : 6 * i + 14] = True
    return MaskPrompt(list(ids), masks)


def logits(session, views):
    generator = torch.Generator().manual_seed(1)
    video = (torch.rand(COUNT, 3, *SIZE, generator=generator) * 255).byte()
    prompts = {0: prompt(3, 1), 2: prompt(2)}
    outputs = [
        session.step_views(
            [view.show(frame) for view in views],
            [view.show_prompt(prompts.get(t)) for view in views],
        )
        for t, frame in enumerate(video)
    ]
    return [output.mask_logits for of_view in zip(*outputs, strict=True) for output in of_view]


@pytest.mark.parametrize("name", OPTIONS)
def test_views_in_one_session_are_views_in_sessions_apart(name):
    torch.manual_seed(0)
    net = Sam3(**OPTIONS[name]).eval()

    def apart(net):
        return [one for view in VIEWS for one in logits(net.start(COUNT), [view])]

    found = logits(net.start_views(COUNT, count=len(VIEWS)), VIEWS)
    expected = apart(net)
    tolerance = tolerance_of(net, apart, draws=1)
    assert len(found) == len(VIEWS) * COUNT
    assert all((a - b).abs().max() <= tolerance for a, b in zip(found, expected, strict=True))
    assert tolerance < 0.1 * (found[COUNT - 1] - found[-1]).abs().max()


def test_frames_to_come_are_told_to_sessions_of_one_view():
    session = Sam3().eval().start_views(4, count=2)
    frame = torch.zeros(3, *SIZE, dtype=torch.uint8)
    with pytest.raises(ValueError, match="a session of 2 views cannot be told of frames to come"):
        session.foresee(2, frame, prompt(1))

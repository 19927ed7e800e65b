"""A network whose foreground is known, and the real one at its smallest."""

import pytest
import torch
from torch import nn

from pvuw.nets.tmo import Tmo
from pvuw.nets.tmo.stream import ForegroundStream


class DrawnForeground(nn.Module):
    """Scores 4 for foreground where the frame is red, and -4 elsewhere, whatever the motion."""

    def __init__(self):
        super().__init__()
        self.app_encoder = nn.Module()
        self.app_encoder.register_buffer("mean", torch.zeros(1))
        self.motions = []

    def forward(self, frames, motion, *, side):
        self.motions.append(motion)
        red = (frames[:, 0] > 0.5).float() * 8 - 4
        return torch.stack([torch.zeros_like(red), red], dim=1)


class ConstantFlow:
    """Everything moves by the vectors given, one for each pair in turn."""

    def __init__(self, *vectors, last="backward"):
        self.vectors = list(vectors)
        self.config = type("Config", (), {"last": last})
        self.pairs = []

    def between(self, first, second):
        self.pairs.append((first, second))
        vector = torch.tensor(self.vectors.pop(0), dtype=torch.float32)
        return vector[:, None, None].expand(2, *first.shape[-2:])

    def picture(self, flow):
        return torch.full((3, *flow.shape[-2:]), int(flow[0, 0, 0]) + 100, dtype=torch.uint8)


@pytest.fixture
def drawn():
    """Streams of a drawn foreground: `drawn(estimator)`."""

    def stream(estimator=None):
        return ForegroundStream(DrawnForeground(), estimator, side=32, select_output=False)

    return stream


@pytest.fixture
def constant_flow():
    return ConstantFlow


@pytest.fixture(scope="session")
def tiny():
    """MiT-b1 at 32 pixels, in evaluation mode; leave it as it is."""
    torch.manual_seed(5)
    return Tmo("mitb1", image_size=32).eval()

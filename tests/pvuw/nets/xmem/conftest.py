"""A narrow XMem and something to show it."""

import pytest
import torch

from pvuw.nets.matching.framing import SizePolicy
from pvuw.nets.xmem import XMem
from pvuw.nets.xmem.modules import XMemWidths

NARROW = XMemWidths(key=16, value=32, sensory=8, trunk=8)
AS_IS = SizePolicy(shorter_side=None)


@pytest.fixture
def narrow():
    """Builds a narrow network in evaluation mode; the same weights every time."""

    def build(**arguments):
        torch.manual_seed(0)
        return XMem(**{"widths": NARROW, "frame_size": AS_IS, **arguments}).eval()

    return build

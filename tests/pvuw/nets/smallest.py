"""Every network at its smallest, the same weights every time: what the contract is tested on."""

import torch

from pvuw.nets.copy_first import CopyFirst
from pvuw.nets.cutie.memory import MemoryConfig
from pvuw.nets.sa2va import Sa2va
from pvuw.nets.sam2 import Sam2
from pvuw.nets.sam3 import Sam3
from pvuw.nets.tmo import AnchoredTmo, Tmo
from pvuw.nets.xmem import XMem
from pvuw.nets.xmem.config import XMemConfig
from tests.pvuw.nets.cutie.tiny import AS_IS, tiny
from tests.pvuw.nets.xmem.conftest import NARROW

_CUTIE = MemoryConfig(mem_every=1, max_mem_frames=3)
_XMEM = XMemConfig(
    mem_every=1, min_frames=2, max_frames=3, num_prototypes=4, max_long_term=12, top_k=30
)
_BUILD = {
    "AnchoredTmo": lambda: AnchoredTmo(Tmo("mitb1", image_size=32), tiny("livos")),
    "CopyFirst": CopyFirst,
    "Cutie": lambda: tiny("cutie", memory=_CUTIE),
    "LiVOS": lambda: tiny("livos"),
    "Sa2va": Sa2va,
    "Sam2": lambda: Sam2(image_size=64),
    "Sam3": Sam3,
    "Tmo": lambda: Tmo("mitb1", image_size=32),
    "XMem": lambda: XMem(widths=NARROW, frame_size=AS_IS, memory=_XMEM),
}


def smallest(name):
    """A network in evaluation mode whose memory is full after 20 frames.

    Raises:
        KeyError: If nobody has said yet how the network is built small: say it here.
    """
    torch.manual_seed(0)
    return _BUILD[name]().eval()

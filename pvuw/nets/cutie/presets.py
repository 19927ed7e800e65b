"""How the authors of Cutie ran their network, by data set."""

from typing import Literal

from pvuw.nets.cutie.memory import LongTermConfig, MemoryConfig
from pvuw.nets.matching.framing import SizePolicy

Preset = Literal["mose", "mose_plus", "long_video"]
PRESETS: dict[Preset, tuple[MemoryConfig, SizePolicy]] = {
    "mose": (MemoryConfig(), SizePolicy(480, enlarge=False)),
    "mose_plus": (MemoryConfig(mem_every=3, max_mem_frames=10), SizePolicy(720, enlarge=False)),
    "long_video": (MemoryConfig(long_term=LongTermConfig()), SizePolicy(None, enlarge=False)),
}
"""What is kept of past frames, and at which size frames enter: eval_config.yaml and
eval_plus_config.yaml at Cutie `ec5cdd4`."""

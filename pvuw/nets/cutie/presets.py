"""How the authors of Cutie ran their network, by data set."""

from dataclasses import dataclass
from typing import Literal

from pvuw.nets.cutie.memory import LongTermConfig, MemoryConfig
from pvuw.nets.matching.framing import SizePolicy

Preset = Literal["mose", "mose_plus", "long_video"]


@dataclass(frozen=True)
class RunConfig:
    """How a network is run over videos."""

    memory: MemoryConfig
    """What is kept of past frames."""
    frame_size: SizePolicy
    """At which size frames enter."""


def preset_named(name: Preset) -> RunConfig:
    """The published settings: eval_config.yaml and eval_plus_config.yaml at Cutie `ec5cdd4`.

    Example:
        >>> preset_named("mose_plus").memory.mem_every
        3
    """
    if name == "mose":
        return RunConfig(MemoryConfig(), frames_at(480))
    if name == "mose_plus":
        return RunConfig(MemoryConfig(mem_every=3, max_mem_frames=10), frames_at(720))
    return RunConfig(MemoryConfig(long_term=LongTermConfig()), frames_at(None))


def frames_at(shorter_side: int | None) -> SizePolicy:
    """Frames at most this large."""
    return SizePolicy(shorter_side=shorter_side, enlarge=False)

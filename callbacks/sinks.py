"""How a callback listens to predicted frames without importing any LightningModule."""

from typing import cast

from lightning.pytorch import LightningModule

from pvuw.types import FrameSink


def frame_sinks(pl_module: LightningModule) -> list[FrameSink]:
    """The list of listeners a module feeds every predicted frame to.

    Raises:
        TypeError: If the module does not stream frames.
    """
    sinks = getattr(pl_module, "frame_sinks", None)
    if not isinstance(sinks, list):
        raise TypeError(f"{type(pl_module).__name__} has no frame_sinks list to listen to")
    return cast("list[FrameSink]", sinks)

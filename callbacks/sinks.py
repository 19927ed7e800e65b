"""How a callback listens to predicted frames and scores without importing any LightningModule."""

from typing import cast

from lightning.pytorch import LightningModule

from pvuw.types import FrameSink, ScoreSink


def frame_sinks(pl_module: LightningModule) -> list[FrameSink]:
    """The list of listeners a module feeds every predicted frame to.

    Raises:
        TypeError: If the module does not stream frames.
    """
    sinks = getattr(pl_module, "frame_sinks", None)
    if not isinstance(sinks, list):
        raise TypeError(f"{type(pl_module).__name__} has no frame_sinks list to listen to")
    return cast("list[FrameSink]", sinks)


def score_sinks(pl_module: LightningModule) -> list[ScoreSink]:
    """The list of listeners a module tells the score of every validated query.

    Raises:
        TypeError: If the module scores nothing.
    """
    sinks = getattr(pl_module, "score_sinks", None)
    if not isinstance(sinks, list):
        raise TypeError(f"{type(pl_module).__name__} has no score_sinks list to listen to")
    return cast("list[ScoreSink]", sinks)


def done_queries(pl_module: LightningModule) -> set[str]:
    """Ids of the queries a module leaves out of prediction; known once every sink has listened.

    Raises:
        TypeError: If the module does not leave out any.
    """
    done = getattr(pl_module, "done", None)
    if not isinstance(done, set):
        raise TypeError(f"{type(pl_module).__name__} has no set of done queries")
    return cast("set[str]", done)

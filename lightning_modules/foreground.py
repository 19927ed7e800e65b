"""Training of networks that know one foreground, as all objects of a clip together."""

from dataclasses import replace

from torch import Tensor

from lightning_modules.vos import VOSModule
from pvuw.types import VideoBatch

_ID = 1


class ForegroundModule(VOSModule):
    """Fine-tunes a network that tells foreground from background (TMO) on clips of objects.

    A training step merges the objects of each clip; let clips have many (`clip.max_objects`), or
    those left out count as background. Validation and prediction are those of `VOSModule`: whole
    videos, with the ids the network's session carries. Arguments: see `VOSModule`.
    """

    def training_step(self, batch: VideoBatch, batch_idx: int) -> Tensor:
        """Forward over the clips, loss, and its parts into the log."""
        return super().training_step(merge_objects(batch), batch_idx)


def merge_objects(batch: VideoBatch) -> VideoBatch:
    """The same clips with one object each: all of them."""
    num_clips = len(batch.num_objects)
    return replace(
        batch,
        masks=batch.masks.any(dim=2, keepdim=True),
        num_objects=[1] * num_clips,
        object_ids=[[_ID]] * num_clips,
    )

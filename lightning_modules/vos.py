"""Semi-supervised video object segmentation: prompted objects, whole-video validation by J&F."""

from typing import Literal

import torch
from torch import Tensor

from lightning_modules.base import SegmentationModule
from lightning_modules.optim import OptimConfig
from pvuw.errors import DataError
from pvuw.inference.propagate import InferenceConfig
from pvuw.io.videos import Video
from pvuw.losses.base import ClipLoss, LossValues
from pvuw.metrics.accumulate import VideoScore
from pvuw.metrics.jf import JAndF
from pvuw.nets.base import VideoSegmenter
from pvuw.types import VideoBatch

ProtocolName = Literal["davis2017", "mose", "mosev2"]

_OPTIM = OptimConfig()
_INFERENCE = InferenceConfig()


class VOSModule(SegmentationModule):
    """Fine-tunes and runs a network that follows objects from their first masks (MOSE, DAVIS).

    Training logs `train/loss` and its parts every step. Validation runs whole videos through the
    same streaming engine as prediction and logs `val/j`, `val/f` and `val/jf`, the means over all
    objects of all videos, right over any number of processes.

    Args:
        net: The network, for example `pvuw.nets.sam2.Sam2`.
        loss: The training objective.
        optim: Optimizer and learning-rate schedule.
        inference: How whole videos are run in validation and prediction.
        protocol: Whose definition of J and F, and of which objects count.
        seed: Every training step draws its random choices from this, the epoch, the batch and the
            process, so that a resumed run repeats an uninterrupted one exactly.
    """

    def __init__(
        self,
        net: VideoSegmenter,
        loss: ClipLoss,
        *,
        optim: OptimConfig = _OPTIM,
        inference: InferenceConfig = _INFERENCE,
        protocol: ProtocolName = "mose",
        seed: int = 0,
    ) -> None:
        super().__init__(net, optim=optim, inference=inference, seed=seed)
        self.loss = loss
        self.protocol = protocol
        self.val_scores = JAndF()
        self.test_scores = JAndF()

    def training_step(self, batch: VideoBatch, batch_idx: int) -> Tensor:
        """Forward over the clips, loss, and its parts into the log."""
        del batch_idx
        terms: LossValues = self.loss(
            self.net.forward_clip(batch, features=self.loss.needs_features), batch
        )
        for name, value in terms.log_values().items():
            shown = name == "loss"
            self.log(f"train/{name}", value, prog_bar=shown, batch_size=len(batch.video_ids))
        self.log("train/lr", self.trainer.optimizers[0].param_groups[0]["lr"])
        return terms.total

    def validation_step(self, batch: Video, batch_idx: int) -> None:
        """Run a whole video and add its objects to `val/jf`."""
        del batch_idx
        self._score(batch, self.val_scores)

    def test_step(self, batch: Video, batch_idx: int) -> None:
        """Run a whole video and add its objects to `test/jf`."""
        del batch_idx
        self._score(batch, self.test_scores)

    def on_validation_epoch_end(self) -> None:
        """Log J, F and J&F over all videos of all processes."""
        self._log_scores("val", self.val_scores)

    def on_test_epoch_end(self) -> None:
        """Log J, F and J&F over all videos of all processes."""
        self._log_scores("test", self.test_scores)

    def _score(self, video: Video, scores: JAndF) -> None:
        score = VideoScore(None, self.protocol)
        for frame in self.stream(video):
            if frame.truth is None:
                raise DataError(
                    f"video {video.video_id}: frame {frame.frame_name} has no ground truth; "
                    "validation needs it for every frame"
                )
            score.add(frame.truth.numpy(), frame.id_map.numpy())
        if len(video) < 3:
            raise DataError(
                f"video {video.video_id}: {len(video)} frames leave none to score, since the first "
                "and the last never count; take it off the validation list"
            )
        result = score.result()
        scores.update(torch.from_numpy(result.object_j), torch.from_numpy(result.object_f))

    def _log_scores(self, stage: str, scores: JAndF) -> None:
        for name, value in scores.compute().items():
            self.log(f"{stage}/{name}", value.float(), prog_bar=name == "jf")
        scores.reset()

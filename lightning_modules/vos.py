"""Semi-supervised video object segmentation: prompted objects, whole-video validation by J&F."""

import sys
from typing import Any, Literal

from torch import Tensor

from lightning_modules.base import SegmentationModule
from lightning_modules.optim import OptimConfig
from lightning_modules.validation import (
    Scorer,
    ValidationClock,
    add_score,
    at_most,
    metric_for,
    names_of_sets,
)
from pvuw.errors import PvuwError
from pvuw.inference.propagate import InferenceConfig
from pvuw.io.queries import Query
from pvuw.losses.base import ClipLoss, LossValues
from pvuw.metrics.jf import JAndF
from pvuw.metrics.names import ProtocolName
from pvuw.nets.base import TrainableSegmenter, VideoSegmenter
from pvuw.nets.tuning import TuningConfig
from pvuw.processes import wait_for_all
from pvuw.types import ScoredQuery, ScoreSink, VideoBatch

_OPTIM = OptimConfig()
_INFERENCE = InferenceConfig()
_TUNING = TuningConfig()


class VOSModule(SegmentationModule):
    """Fine-tunes and runs a network that follows objects from their first masks (MOSE, DAVIS).

    Training logs `train/loss` and its parts every step. Validation runs whole videos through the
    same streaming engine as prediction and logs `val/j`, `val/f` and `val/jf`, the means over all
    objects of all videos, right over any number of processes. The same three come for each named
    data set (`val/davis/jf`) and for small, occluded and reappearing objects (`val/small_jf`),
    beside `val/seconds` and `val/time_share`, what validation takes of the run's time.

    Where the trainer's sanity check runs all videos (`num_sanity_val_steps: -1`, `--baseline true`)
    its scores are logged at step 0, and every later validation logs `val/jf_gain` over them.

    Args:
        net: The network, for example `pvuw.nets.sam2.Sam2`.
        loss: The training objective.
        optim: Optimizer and learning-rate schedule.
        inference: How whole videos are run in validation and prediction.
        protocol: Whose definition of J and F, and of which objects count.
        val_resolution: Where validation compares masks with the truth: `full`, in the frames as
            they are; `network`, both reduced to the size the network sees, which takes less time
            for large frames. Figures of `network` are comparable with each other only, not with
            `pvuw evaluate` (docs/training.md).
        seed: Every training step draws its random choices from this, the epoch, the batch and the
            process, so that a resumed run repeats an uninterrupted one exactly.
        tuning: What of the network is trained: frozen parts, adapters; and what is compiled.
    """

    def __init__(
        self,
        net: VideoSegmenter,
        loss: ClipLoss,
        *,
        optim: OptimConfig = _OPTIM,
        inference: InferenceConfig = _INFERENCE,
        protocol: ProtocolName = "mose",
        val_resolution: Literal["full", "network"] = "full",
        seed: int = 0,
        tuning: TuningConfig = _TUNING,
    ) -> None:
        super().__init__(net, optim=optim, inference=inference, seed=seed, tuning=tuning)
        self.loss = loss
        self.protocol = protocol
        self.val_resolution = val_resolution
        self.score_sinks: list[ScoreSink] = []
        self.baseline_jf: float | None = None
        self._scores = JAndF()
        self._data_sets = [""]
        self._clock = ValidationClock()

    def setup(self, stage: str) -> None:
        """Refuse to train a network that is not trained, or by a loss of other networks."""
        if stage != "fit":
            return
        net = type(self.net).__name__
        if not isinstance(self.net, TrainableSegmenter):
            raise PvuwError(f"{net} has no training of its own; choose another network for `fit`")
        if not issubclass(self.net.clip_output, self.loss.judges):
            raise PvuwError(
                f"{type(self.loss).__name__} judges a {self.loss.judges.__name__}, {net} gives a "
                f"{self.net.clip_output.__name__}; give model.loss one for it, as its recipe does"
            )

    def training_step(self, batch: VideoBatch, batch_idx: int) -> Tensor:
        """Forward over the clips, loss, and its parts into the log."""
        del batch_idx
        assert isinstance(self.net, TrainableSegmenter), "`setup` has seen to it"
        output = self.net.forward_clip(batch, features=self.loss.needs_features)
        terms: LossValues = self.loss(output, batch)
        values = terms.log_values()
        self.finite.note_loss(self.trainer.global_step, values, batch)
        for name, value in values.items():
            shown = name == "loss"
            self.log(f"train/{name}", value, prog_bar=shown, batch_size=len(batch.video_ids))
        self.log("train/lr", max(g["lr"] for g in self.trainer.optimizers[0].param_groups))
        return terms.total

    def on_fit_start(self) -> None:
        """Begin to measure the run's time."""
        super().on_fit_start()
        self._clock.start_run()

    def on_validation_start(self) -> None:
        """Begin the scores of the sets that are there."""
        self._start_scores(self.trainer.val_dataloaders)
        super().on_validation_start()

    def on_test_start(self) -> None:
        """Begin the scores of the sets that are there."""
        self._start_scores(self.trainer.test_dataloaders)

    def validation_step(self, batch: list[Query], batch_idx: int, dataloader_idx: int = 0) -> None:
        """Run what is asked of a whole video and count its objects."""
        del batch_idx
        self._score(batch, self._data_sets[dataloader_idx])

    def test_step(self, batch: list[Query], batch_idx: int, dataloader_idx: int = 0) -> None:
        """Run what is asked of a whole video and count its objects."""
        del batch_idx
        self._score(batch, self._data_sets[dataloader_idx])

    def on_validation_epoch_end(self) -> None:
        """Log J, F and J&F over all videos of all processes, and the gain over the baseline."""
        values = self._log_scores("val")
        if not self.trainer.sanity_checking:
            if self.baseline_jf is not None:
                self.log("val/jf_gain", values["val/jf"] - self.baseline_jf)
        elif self.trainer.num_sanity_val_steps == float("inf"):  # all videos, as -1 asks for
            self.baseline_jf = values["val/jf"]
            # Lightning logs nothing of a sanity check by itself.
            for logger in self.trainer.loggers:
                logger.log_metrics(values, step=0)

    def on_test_epoch_end(self) -> None:
        """Log J, F and J&F over all videos of all processes."""
        self._log_scores("test")

    def on_fit_end(self) -> None:
        """Say what training has brought."""
        best = getattr(self.trainer.checkpoint_callback, "best_model_score", None)
        if self.baseline_jf is not None and best is not None and self.trainer.is_global_zero:
            print(
                f"pvuw: J&F before training {self.baseline_jf:.4f}, best {float(best):.4f} "
                f"({float(best) - self.baseline_jf:+.4f})",
                file=sys.stderr,
            )

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the baseline, which a continued run does not measure again."""
        super().on_save_checkpoint(checkpoint)
        checkpoint["pvuw"]["baseline_jf"] = self.baseline_jf

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take the baseline up again."""
        super().on_load_checkpoint(checkpoint)
        self.baseline_jf = checkpoint.get("pvuw", {}).get("baseline_jf")

    def _start_scores(self, loaders: object) -> None:
        self._data_sets = names_of_sets(loaders)
        self._scores = metric_for(self._data_sets).to(self.device)
        self._clock.start()

    def _score(self, queries: list[Query], data_set: str) -> None:
        reduced = self.val_resolution == "network"
        failures = self.run_queries(
            queries,
            [Scorer(self.protocol, data_set, self._take_score), *self.frame_sinks],
            size_of=at_most(self.net.network_size) if reduced else None,
        )
        for error in failures.values():
            raise error

    def _take_score(self, scored: ScoredQuery) -> None:
        add_score(self._scores, scored)
        for sink in self.score_sinks:
            sink.take_score(scored)

    def _log_scores(self, stage: str) -> dict[str, float]:
        # Shares of whole videos are never equal, and NCCL does not wait longer than half an hour.
        wait_for_all()
        scores = {name: float(value) for name, value in self._scores.compute().items()}
        values = {f"{stage}/{name}": value for name, value in (scores | self._clock.stop()).items()}
        for name, value in values.items():
            self.log(name, value, prog_bar=name == f"{stage}/jf")
        return values

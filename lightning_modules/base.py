"""What every task's module shares: frame sinks, seeded steps, the optimizer, checkpoint notes."""

from collections.abc import Iterator
from typing import Any

import lightning
import numpy as np
import torch
from lightning.pytorch.utilities.types import OptimizerLRScheduler

from lightning_modules.optim import OptimConfig, build_optimizer
from lightning_modules.sharding import WholeNetwork, share_out
from pvuw import __version__
from pvuw.errors import DataError, WeightsError
from pvuw.inference.lockstep import SizeOf
from pvuw.inference.propagate import InferenceConfig, propagate
from pvuw.io.videos import Video
from pvuw.nets.base import VideoSegmenter
from pvuw.nets.tuning import TuningConfig, prepare
from pvuw.ops.id_maps import resize_nearest
from pvuw.types import FramePrediction, FrameSink

_TUNING = TuningConfig()

_EVERY_PROCESS = 2**32 - 1
"""Stands for the process where all of them draw alike; larger than any process number."""


class SegmentationModule(lightning.LightningModule):
    """A network with the parts of training and prediction that do not depend on the task.

    Args:
        net: The network that segments.
        optim: Optimizer and schedule.
        inference: How whole videos are run.
        seed: Every training step draws its random choices (dropout, clicks) from this, the epoch,
            the batch and the process, so that a resumed run repeats an uninterrupted one exactly.
        tuning: What of the network is trained: frozen parts, adapters; and what is compiled.
    """

    def __init__(
        self,
        net: VideoSegmenter,
        *,
        optim: OptimConfig,
        inference: InferenceConfig,
        seed: int,
        tuning: TuningConfig = _TUNING,
    ) -> None:
        super().__init__()
        prepare(net, tuning)
        self.net = net
        self.tuning_config = tuning
        self.optim_config = optim
        self.inference_config = inference
        self.seed = seed
        self.frame_sinks: list[FrameSink] = []
        self.failures: dict[str, str] = {}
        self.done_videos: set[str] = set()
        self._whole: WholeNetwork | None = None

    def configure_model(self) -> None:
        """Share the weights out over processes, in a fit with `ShardedStrategy`."""
        if self._whole is None:
            self._whole = share_out(self, self.net, tuning=self.tuning_config)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """AdamW over the parameters that need gradients, its rate set at every step."""
        optimizer, schedule = build_optimizer(
            self,
            self.net,
            self.optim_config,
            total_steps=lambda: self.trainer.estimated_stepping_batches,
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Seed this step's random choices: those of this process, and those all make alike."""
        step = (self.seed, self.current_epoch, batch_idx)
        torch.manual_seed(_seed_of(*step, self.global_rank))
        batch.step_seed = _seed_of(*step, _EVERY_PROCESS)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Note which network the weights belong to."""
        net = type(self.net)
        name = f"{net.__module__}.{net.__qualname__}"
        note: dict[str, Any] = {"version": __version__, "net": name}
        if self.tuning_config.lora is not None:
            note["lora"] = vars(self.tuning_config.lora).copy()
        checkpoint["pvuw"] = note

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Refuse a checkpoint whose adapters this run would not have, or the other way round."""
        saved = checkpoint.get("pvuw", {}).get("lora")
        lora = self.tuning_config.lora
        if saved != (None if lora is None else vars(lora)):
            raise WeightsError(
                f"the checkpoint's adapters are {saved or 'none'}, those of model.tuning.lora "
                f"{lora or 'none'}; give the config.yaml of the run it is from, or export it first "
                "(`pvuw weights export`) and load the file as model.net.weights"
            )

    def on_validation_start(self) -> None:
        """Gather weights that are shared out, so that no frame waits for another process."""
        if self._whole is not None:
            self._whole.gather(self.net, self.device)

    def on_validation_end(self) -> None:
        """Free what was gathered."""
        if self._whole is not None:
            self._whole.release()

    def on_predict_start(self) -> None:
        """Forget failures of an earlier run."""
        self.failures = {}

    def stream(self, video: Video, size_of: SizeOf | None = None) -> Iterator[FramePrediction]:
        """Predictions of a video's frames, each passed to every frame sink before it is yielded.

        Args:
            video: The video.
            size_of: At which size frames, masks and truth come out; default: as they are.

        Raises:
            DataError: After every sink was told to drop the video.
        """
        for sink in self.frame_sinks:
            sink.start_video(video.video_id, len(video))
        try:
            net = self.net if self._whole is None else self._whole.net
            frames = propagate(net, video, self.inference_config, size_of=size_of)
            for prediction in frames:
                if prediction.frame_idx in video.truth_paths:
                    truth = video.read_truth(prediction.frame_idx)
                    size_hw = (prediction.id_map.shape[0], prediction.id_map.shape[1])
                    prediction.truth = resize_nearest(truth, size_hw)
                for sink in self.frame_sinks:
                    sink.write(prediction)
                yield prediction
        except BaseException as error:
            for sink in self.frame_sinks:
                sink.finish_video(str(error) or type(error).__name__)
            raise
        for sink in self.frame_sinks:
            sink.finish_video(None)

    def predict_step(self, batch: Video, batch_idx: int) -> None:
        """Run one video through the network into the frame sinks; a broken one is noted.

        Videos that whoever keeps the results counts as done (`done_videos`) are skipped.
        """
        del batch_idx
        if batch.video_id in self.done_videos:
            return
        try:
            for _ in self.stream(batch):
                pass
        except DataError as error:
            self.failures[batch.video_id] = str(error)


def _seed_of(*key: int) -> int:
    """A seed in 0..2^63 - 1 that has nothing in common with that of another key."""
    return int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0] >> 1)

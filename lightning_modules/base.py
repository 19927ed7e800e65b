"""What every task's module shares: frame sinks, seeded steps, the optimizer, checkpoint notes."""

from collections import deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack
from typing import Any

import lightning
import numpy as np
import torch
from lightning.pytorch.trainer.states import TrainerFn
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from lightning_modules.finite import FiniteWatch
from lightning_modules.optim import OptimConfig, build_optimizer, parameter_groups
from lightning_modules.resume import reopen_epoch, require_same_groups, restate
from lightning_modules.sharding import WholeNetwork, share_out
from pvuw import __version__
from pvuw.errors import DataError, WeightsError
from pvuw.inference.lockstep import SizeOf
from pvuw.inference.propagate import InferenceConfig, propagate_all
from pvuw.io.queries import Query
from pvuw.nets.base import VideoSegmenter
from pvuw.nets.tuning import TuningConfig, prepare
from pvuw.ops.id_maps import resize_nearest
from pvuw.types import FramePrediction, FrameSink, ResultSink

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
        self.done: set[str] = set()
        self.finite = FiniteWatch()
        self.predicts = False
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

    def on_train_start(self) -> None:
        """Train as the configuration says, whatever rates and decays a checkpoint brought."""
        groups = parameter_groups(self, self.net, self.optim_config)
        scheduler = self.trainer.lr_scheduler_configs[0].scheduler
        assert isinstance(scheduler, LambdaLR), "made by configure_optimizers"
        restate(self.trainer.optimizers[0], scheduler, groups, betas=self.optim_config.betas)

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Seed this step's random choices: those of this process, and those all make alike."""
        step = (self.seed, self.current_epoch, batch_idx)
        torch.manual_seed(_seed_of(*step, self.global_rank))
        batch.step_seed = _seed_of(*step, _EVERY_PROCESS)

    def configure_gradient_clipping(
        self,
        optimizer: Optimizer,
        gradient_clip_val: int | float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clip as asked for, by a norm that is computed once and noted."""
        # In the optimizer's order, as Lightning adds them up: another one rounds differently.
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        norm = torch.nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None])
        # A scaler for half precision meets such gradients on purpose, and skips their step.
        if getattr(self.trainer.precision_plugin, "scaler", None) is None:
            self.finite.note_gradient(self.trainer.global_step, norm)
        if gradient_clip_val and gradient_clip_algorithm in (None, "norm"):
            torch.nn.utils.clip_grads_with_norm_(parameters, gradient_clip_val, norm)
        else:
            self.clip_gradients(optimizer, gradient_clip_val, gradient_clip_algorithm)

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Look whether loss and gradient were finite, in steps that are logged."""
        del outputs, batch, batch_idx
        self.finite.look_now_and_then(self.trainer)

    def on_train_epoch_end(self) -> None:
        """Look before the end of the epoch is saved."""
        self.finite.look(self.trainer)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Save nothing that is not finite; note which network the weights belong to."""
        if self._trainer is not None:
            self.finite.look(self.trainer)
        net = type(self.net)
        name = f"{net.__module__}.{net.__qualname__}"
        note: dict[str, Any] = {"version": __version__, "net": name}
        if self.tuning_config.lora is not None:
            note["lora"] = vars(self.tuning_config.lora).copy()
        checkpoint["pvuw"] = note

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Refuse a checkpoint of other adapters or parameter groups; reopen its last epoch."""
        saved = checkpoint.get("pvuw", {}).get("lora")
        lora = self.tuning_config.lora
        if saved != (None if lora is None else vars(lora)):
            raise WeightsError(
                f"the checkpoint's adapters are {saved or 'none'}, those of model.tuning.lora "
                f"{lora or 'none'}; give the config.yaml of the run it is from, or export it first "
                "(`pvuw weights export`) and load the file as model.net.weights"
            )
        if self.trainer.state.fn == TrainerFn.FITTING:
            require_same_groups(checkpoint, parameter_groups(self, self.net, self.optim_config))
            reopen_epoch(checkpoint.get("loops", {}))

    def on_validation_start(self) -> None:
        """Look, then gather weights that are shared out, so that no frame waits for others."""
        self.finite.look(self.trainer)
        if self._whole is not None:
            self._whole.gather(self.net, self.device)

    def on_validation_end(self) -> None:
        """Free what was gathered."""
        if self._whole is not None:
            self._whole.release()

    def on_fit_start(self) -> None:
        """Compute convolutions in full float32 where no lower precision is asked for.

        As SAM 2's trainer; torch's own default lets cuDNN round to TF32, and matrix products not.
        """
        torch.backends.cudnn.allow_tf32 = False

    def on_predict_start(self) -> None:
        """Forget an earlier run, and see what the sinks have already; callbacks come first."""
        self.failures, self.predicts = {}, False
        finished = [s.finished() for s in self.frame_sinks if isinstance(s, ResultSink)]
        self.done = set.intersection(*finished) if finished else set()

    def run_queries(
        self,
        queries: Sequence[Query],
        sinks: Sequence[FrameSink],
        *,
        size_of: SizeOf | None = None,
    ) -> dict[str, DataError]:
        """Run the queries of a video side by side and pass each frame on as it is predicted.

        Args:
            queries: Of one video; not more than `inference.queries_at_once` are held at a time.
            sinks: Told to drop a query that breaks off; the others go on.
            size_of: At which size frames, masks and truth come out; default: as they are.

        Returns:
            Why queries broke off, by id.
        """
        net = self.net if self._whole is None else self._whole.net
        failures: dict[str, DataError] = {}
        at_once = self.inference_config.queries_at_once
        for some in (queries[i : i + at_once] for i in range(0, len(queries), at_once)):
            answers = propagate_all(net, some, self.inference_config, size_of=size_of)
            turns = deque(
                (query, _passed_on(query, frames, sinks))
                for query, frames in zip(some, answers, strict=True)
            )
            with ExitStack() as stack:
                for _, stream in turns:
                    stack.callback(stream.close)
                while turns:
                    query, stream = turns.popleft()
                    try:
                        next(stream)
                    except StopIteration:
                        continue
                    except DataError as error:
                        failures[query.query_id] = error
                        continue
                    turns.append((query, stream))
        return failures

    def predict_step(self, batch: list[Query], batch_idx: int) -> None:
        """Run a video's queries into the frame sinks; a broken one is noted.

        Left out are those whose results all sinks that keep some have.
        """
        del batch_idx
        self.predicts = True
        asked = [query for query in batch if query.query_id not in self.done]
        failures = self.run_queries(asked, self.frame_sinks)
        self.failures |= {query_id: str(error) for query_id, error in failures.items()}


def _passed_on(
    query: Query, frames: Iterator[FramePrediction], sinks: Sequence[FrameSink]
) -> Generator[None, None, None]:
    """Write each frame of a query into every sink, with truth and sentence; yield after each."""
    with_truth = set(query.truth.positions()) if query.truth is not None else set()
    with ExitStack() as stack:
        writers = [
            stack.enter_context(sink.open(query.query_id, len(query.video))) for sink in sinks
        ]
        for prediction in frames:
            prediction.sentence = query.prompt if isinstance(query.prompt, str) else None
            if query.truth is not None and prediction.frame_idx in with_truth:
                ids = query.truth.id_map(prediction.frame_idx, query.video.size_hw)
                size_hw = (prediction.id_map.shape[0], prediction.id_map.shape[1])
                prediction.truth = resize_nearest(torch.from_numpy(ids), size_hw)
            for write in writers:
                write(prediction)
            yield


def _seed_of(*key: int) -> int:
    """A seed in 0..2^63 - 1 that has nothing in common with that of another key."""
    return int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0] >> 1)

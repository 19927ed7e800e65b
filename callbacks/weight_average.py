"""An average of the weights over the steps of a run, which is what is validated and saved."""

import warnings
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import WeightAveraging
from lightning.pytorch.strategies import ModelParallelStrategy
from lightning.pytorch.trainer.states import TrainerFn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from pvuw.errors import PvuwError


class WeightAverage(WeightAveraging):
    """Keeps an exponential moving average of all weights beside those being trained.

    Validation runs with the average; `state_dict` of every checkpoint, and so `best.ckpt`, an
    export and a later prediction, holds it. The weights being trained are saved beside it, and a
    resumed run continues as if it had not been interrupted.

    Unlike Lightning's `EMAWeightAveraging` the average lies on the training device, where updating
    it takes no transfers, and weights that do not change keep every bit.

    Args:
        decay: Share of the old average in the new one, at each step. 0.999 looks back about a
            thousand steps; take less for runs of a few thousand.
    """

    def __init__(self, decay: float = 0.999) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"decay must be in [0, 1), got {decay}")
        super().__init__(multi_avg_fn=get_ema_multi_avg_fn(decay))  # type: ignore[no-untyped-call]

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Make the average where the training will be.

        Raises:
            PvuwError: If weights are shared out over processes, where no copy of all can be kept.
        """
        if isinstance(trainer.strategy, ModelParallelStrategy):
            raise PvuwError(
                f"trainer.strategy {type(trainer.strategy).__name__} and callbacks.WeightAverage "
                "do not go together; leave out overlays/ema.yaml or overlays/fsdp.yaml"
            )
        # Lightning 2.6.6 moves the module after this hook; the average would stay on the CPU.
        pl_module.to(trainer.strategy.root_device)
        with warnings.catch_warnings():
            # That sharding was not supported, which is refused above.
            warnings.filterwarnings("ignore", message="You're using the WeightAveraging callback")
            super().setup(trainer, pl_module, stage)

    def on_load_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Take both sets of weights from the checkpoint; for prediction the average is enough."""
        if trainer.state.fn == TrainerFn.FITTING:
            super().on_load_checkpoint(trainer, pl_module, checkpoint)

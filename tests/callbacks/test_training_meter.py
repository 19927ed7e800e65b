import lightning
import pytest
import torch
from torch import nn

from callbacks.training_meter import TrainingMeter, _rates


class TwoParts(lightning.LightningModule):
    """Two weights in groups of different rates; the gradient is (3, 4)."""

    def __init__(self):
        super().__init__()
        self.weights = nn.ParameterList([nn.Parameter(torch.zeros(())) for _ in range(2)])

    def training_step(self, batch, batch_idx):
        return 3 * self.weights[0] + 4 * self.weights[1]

    def configure_optimizers(self):
        names = ("image_encoder.block0", "rest")
        groups = [
            {"params": [weight], "lr": rate, "name": name}
            for weight, rate, name in zip(self.weights, (0.1, 0.2), names, strict=True)
        ]
        return torch.optim.SGD(groups)


def test_gradient_norm_before_clipping_rates_and_times(tmp_path):
    trainer = lightning.Trainer(
        accelerator="cpu",
        devices=1,
        max_epochs=1,
        logger=False,
        callbacks=[TrainingMeter()],
        gradient_clip_val=0.1,
        log_every_n_steps=1,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=tmp_path,
    )
    trainer.fit(TwoParts(), torch.utils.data.DataLoader([0, 1]))
    logged = {name: float(value) for name, value in trainer.logged_metrics.items()}
    assert logged["train/grad_norm"] == pytest.approx(5)
    assert logged["train/lr_image_encoder"] == pytest.approx(0.1)
    assert logged["train/lr_rest"] == pytest.approx(0.2)
    assert logged["time/step_ms"] > 0
    assert logged["time/data_ms"] >= 0


def test_parts_of_one_rate_are_not_told_apart():
    weight = nn.Parameter(torch.zeros(()))
    assert _rates(torch.optim.SGD([weight], lr=0.1)) == {}

"""Trains three steps on one or two gloo processes and writes losses and final weights.

Not a test: `test_two_processes.py` starts it, and Lightning starts it again for the second process.
Usage: `ddp_driver.py STRATEGY PROCESSES FOLDER`. Two processes take one clip each, of two and of
three objects; one process takes both as a batch.
"""

import sys
from dataclasses import replace
from pathlib import Path

import lightning
import torch
from lightning.pytorch.strategies import DDPStrategy
from torch.utils.data import DataLoader

from lightning_modules import OptimConfig, VOSModule
from pvuw.losses import VOSLoss
from pvuw.nets.sam2 import Sam2
from tests.helpers.sam2_training import fill_weights, make_batch

STEPS = 3
OPTIM = OptimConfig(lr=1e-3, image_encoder_lr=5e-4, layer_decay=0.9, no_decay="biases_and_norms")


def clip(batch, index):
    """One clip of a batch as a batch of its own."""
    return replace(
        batch,
        frames=batch.frames[[index]],
        masks=batch.masks[[index]],
        num_objects=batch.num_objects[index : index + 1],
        object_ids=batch.object_ids[index : index + 1],
        video_ids=batch.video_ids[index : index + 1],
        frame_idx=batch.frame_idx[[index]],
    )


class Clips(lightning.LightningDataModule):
    """The same two clips in every step, shared out over the processes."""

    def __init__(self, size=64):
        super().__init__()
        self.size = size

    def train_dataloader(self):
        both = make_batch(3, size=self.size)
        alone = self.trainer.world_size == 1
        batch = both if alone else clip(both, self.trainer.global_rank)
        return DataLoader([batch] * STEPS, batch_size=None)


class Losses(lightning.Callback):
    """Remembers the loss of every step of this process."""

    def __init__(self):
        self.values = []

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.values.append(outputs["loss"].item())


def module():
    """A nano network without dropout, whose draws would differ between processes."""
    net = Sam2(image_size=64)
    fill_weights(net.model)
    with torch.no_grad():
        net.model.sam_mask_decoder.pred_obj_score_head.layers[-1].bias.fill_(3)
    for part in net.modules():
        if isinstance(part, torch.nn.Dropout):
            part.p = 0.0
        if hasattr(part, "dropout_p"):
            part.dropout_p = 0.0
    return VOSModule(net, VOSLoss(), optim=OPTIM)


def strategy_of(name, processes):
    """Lightning's strategy for a driver run."""
    if processes == 1:
        return "auto"
    assert name == "ddp"
    return DDPStrategy(find_unused_parameters=True, process_group_backend="gloo")


def main(name, processes, out):
    torch.set_num_threads(1)
    losses = Losses()
    trainer = lightning.Trainer(
        accelerator="cpu",
        devices=processes,
        strategy=strategy_of(name, processes),
        max_epochs=1,
        gradient_clip_val=0.1,
        logger=False,
        callbacks=[losses],
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        default_root_dir=out,
    )
    model = module()
    trainer.fit(model, Clips())
    content = {"losses": losses.values, "weights": model.net.state_dict()}
    torch.save(content, out / f"{processes}_{trainer.global_rank}.pt")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))

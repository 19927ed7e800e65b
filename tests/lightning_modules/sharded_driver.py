"""Trains with DDP and with sharded weights in one of two gloo processes and writes what came of it.

Not a test: `test_sharding.py` starts it as torchrun would, once per process.
Usage: `sharded_driver.py NODES FOLDER CASE [CASE ...]`. Each case is trained with both strategies,
on the clips and with the network of `ddp_driver.py`.
"""

import shutil
import sys
from pathlib import Path

import lightning
import torch
from lightning.pytorch.strategies import DDPStrategy
from torch.distributed.tensor import DTensor

from callbacks import LastCheckpoint, TrainingMeter
from lightning_modules import ShardedStrategy, VOSModule
from pvuw.losses import VOSLoss
from pvuw.nets.lora import LoraConfig
from pvuw.nets.sam2 import Sam2
from pvuw.nets.sam2.prompt_plan import TrainingPrompts
from pvuw.nets.sam3 import Sam3
from pvuw.nets.tuning import TuningConfig
from tests.lightning_modules import ddp_driver

CLICKS = {"prompting": TrainingPrompts(prob_to_use_pt_input=0.6), "checkpoint_activations": True}
CASES = {
    "plain": ({}, {}, {"max_epochs": 2}),
    "clicks": (CLICKS, {}, {}),
    "frozen": ({}, {"freeze": "all but mask_decoder"}, {"accumulate_grad_batches": 2}),
    "mixed": (CLICKS, {}, {"precision": "bf16-mixed"}),
    "adapted": ({}, {"lora": LoraConfig(rank=2)}, {}),
    "sam3": (CLICKS, {"freeze": "image_encoder"}, {}),
}
"""Arguments of the network, what of it is trained, and of the trainer."""
SAM3_SIZE = 56
STRATEGIES = {
    "ddp": lambda: DDPStrategy(find_unused_parameters=True, process_group_backend="gloo"),
    "sharded": lambda: ShardedStrategy("gloo"),
}


class Norms(TrainingMeter):
    """Remembers the gradient norms that are logged, and what each process holds."""

    def __init__(self):
        super().__init__()
        self.values, self.held = [], 0

    def on_train_batch_end(self, trainer, pl_module, *args):
        super().on_train_batch_end(trainer, pl_module, *args)
        self.values.append(float(trainer.callback_metrics.get("train/grad_norm", 0)))
        self.held = sum(numbers_here(p) for p in pl_module.parameters())


class KeepFirstEpoch(lightning.Callback):
    """Copies the checkpoint that the first epoch ends with."""

    def __init__(self, folder):
        self.folder = folder

    def on_train_epoch_start(self, trainer, pl_module):
        last = self.folder / "last.ckpt"
        if trainer.current_epoch == 1 and trainer.is_global_zero and last.exists():
            shutil.copy(last, self.folder / "middle.ckpt")


def numbers_here(parameter):
    """How many numbers of a parameter this process keeps between steps."""
    return (parameter.to_local() if isinstance(parameter, DTensor) else parameter).numel()


def module_of(case):
    """The driver's network, changed as a case says."""
    net_args, tuning, _ = CASES[case]
    plain = ddp_driver.module()
    if case == "plain":
        return plain
    if case == "sam3":
        torch.manual_seed(0)
        net = Sam3(image_size=SAM3_SIZE, **net_args)
        return VOSModule(net, VOSLoss(), optim=ddp_driver.OPTIM, tuning=TuningConfig(**tuning))
    net = Sam2(image_size=64, **net_args)
    net.load_state_dict(plain.net.state_dict())
    for part, like in zip(net.modules(), plain.net.modules(), strict=True):
        for name in ("p", "dropout_p"):
            if isinstance(getattr(like, name, None), float):
                setattr(part, name, getattr(like, name))
    torch.manual_seed(torch.distributed.get_rank() if torch.distributed.is_initialized() else 0)
    return VOSModule(net, VOSLoss(), optim=ddp_driver.OPTIM, tuning=TuningConfig(**tuning))


def train(case, strategy, nodes, folder, *, ckpt_path=None):
    """Losses, norms and share of one training; its weights are in `folder`."""
    losses, norms = ddp_driver.Losses(), Norms()
    trainer = lightning.Trainer(
        accelerator="cpu",
        num_nodes=nodes,
        devices=2 // nodes,
        strategy=STRATEGIES[strategy](),
        limit_train_batches=2,
        gradient_clip_val=0.1,
        logger=False,
        callbacks=[losses, norms, KeepFirstEpoch(folder), LastCheckpoint(folder)],
        log_every_n_steps=1,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        default_root_dir=folder,
        **{"max_epochs": 1} | CASES[case][2],
    )
    clips = ddp_driver.Clips(SAM3_SIZE if case == "sam3" else 64)
    trainer.fit(module_of(case), clips, ckpt_path=ckpt_path)
    return {"losses": losses.values, "norms": norms.values, "held": norms.held}


def main(nodes, out, cases):
    torch.set_num_threads(1)
    results = {}
    for case in cases:
        for strategy in STRATEGIES:
            name = f"{case}_{strategy}"
            results[name] = train(case, strategy, nodes, out / name)
    if "plain" in cases and nodes == 1:
        middle = out / "plain_sharded" / "middle.ckpt"
        train("plain", "sharded", nodes, out / "continued", ckpt_path=middle)
    torch.save(results, out / f"{torch.distributed.get_rank()}.pt")


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])

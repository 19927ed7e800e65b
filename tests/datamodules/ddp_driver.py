"""Trains two epochs on two gloo processes and writes which clips each of them saw.

Not a test: `test_two_processes.py` starts it, and Lightning starts it again for the second process.
"""

import json
import sys
from pathlib import Path

import lightning
import torch

from datamodules import ClipConfig, MOSEPlusDataModule, TrainSource
from tests.datamodules.conftest import Recorder

NUM_CLIPS, BATCH_SIZE, EPOCHS = 16, 2, 2
CLIP = ClipConfig(
    num_frames=2, size=24, fit="keep", size_multiple=8, sizes=(16, 24), clips_per_epoch=NUM_CLIPS
)


class Seen(Recorder):
    """Remembers a clip by everything that tells it from others, and the shape of its batch."""

    def training_step(self, batch, batch_idx):
        # The seed of a clip's augmentation follows from seed, epoch and number.
        keys = [self.current_epoch, batch_idx, batch.clip_seeds, batch.video_ids]
        self.clips.append([*keys, list(batch.frames.shape[-2:])])
        return self.weight * batch.frames.float().mean()


def data_of(root, index, *, batch_size=BATCH_SIZE):
    return MOSEPlusDataModule(
        sources=[TrainSource(name, root / name, weight=1.0) for name in ("mose", "ovis")],
        index=index,
        clip=CLIP,
        batch_size=batch_size,
        num_workers=1,
        seed=3,
    )


def main(root, out):
    torch.set_num_threads(1)
    module = Seen()
    trainer = lightning.Trainer(
        accelerator="cpu",
        devices=2,
        strategy="ddp",
        max_epochs=EPOCHS,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        limit_val_batches=0,
        use_distributed_sampler=False,
        default_root_dir=out,
    )
    trainer.fit(module, data_of(root, out / "index"))
    (out / f"rank{trainer.global_rank}.json").write_text(json.dumps(module.clips))


if __name__ == "__main__":
    main(*(Path(argument) for argument in sys.argv[1:]))

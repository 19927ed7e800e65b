import lightning
import pytest
import torch
from torch import nn

from datamodules import ClipConfig, MOSEDataModule
from tests.datamodules.make import write_mose


class Recorder(lightning.LightningModule):
    """Trains one weight and remembers every clip and video it was given."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))
        self.clips = []
        self.videos = []

    def training_step(self, batch, batch_idx):
        starts = batch.frame_idx[:, 0].tolist()
        self.clips.append((self.current_epoch, batch_idx, batch.video_ids, starts))
        return self.weight * batch.frames.float().mean()

    def validation_step(self, batch, batch_idx):
        self.videos += [query.query_id for query in batch]
        self.log("val/jf", torch.tensor(1.0), batch_size=1)

    def predict_step(self, batch, batch_idx):
        self.videos += [query.query_id for query in batch]

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.01)


@pytest.fixture
def recorder():
    return Recorder()


@pytest.fixture(scope="session")
def mose_root(tmp_path_factory):
    return write_mose(tmp_path_factory.mktemp("mose"))


@pytest.fixture
def make_data(mose_root):
    """A data module over seven training videos of four frames, three batches an epoch."""

    def make(root=mose_root, *, num_workers=0, batch_size=2, seed=5, **options):
        clip = ClipConfig(num_frames=2, size=16, clips_per_epoch=options.pop("clips", None))
        return MOSEDataModule(
            root, clip=clip, batch_size=batch_size, num_workers=num_workers, seed=seed, **options
        )

    return make


@pytest.fixture
def make_trainer(tmp_path):
    def make(**options):
        defaults = {
            "accelerator": "cpu",
            "logger": False,
            "enable_checkpointing": False,
            "enable_progress_bar": False,
            "enable_model_summary": False,
            "num_sanity_val_steps": 0,
            "use_distributed_sampler": False,
            "default_root_dir": tmp_path,
            "max_epochs": 3,
        }
        return lightning.Trainer(**(defaults | options))

    return make

"""Two gloo processes: each clip of an epoch is trained on once, by one of them."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.datamodules import ddp_driver
from tests.datamodules.make import masks_of, moving, write_ovis, write_video

ROOT = Path(__file__).parents[2]


@pytest.fixture
def places(tmp_path):
    for i in range(5):
        write_video(tmp_path / "data" / "mose" / "train", f"m{i}", moving(5))
    shapes = {f"o{i}": (24, 40) if i % 2 else (40, 24) for i in range(3)}
    write_ovis(
        tmp_path / "data" / "ovis",
        {name: masks_of(moving(5, size_hw=shape)) for name, shape in shapes.items()},
    )
    return tmp_path / "data"


@pytest.mark.slow
def test_each_clip_is_seen_once_per_epoch(places, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    done = subprocess.run(
        [sys.executable, ddp_driver.__file__, places, out],
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    ranks = [json.loads((out / f"rank{rank}.json").read_text()) for rank in range(2)]
    steps = ddp_driver.NUM_CLIPS // (2 * ddp_driver.BATCH_SIZE)
    assert [len(clips) for clips in ranks] == [steps * ddp_driver.EPOCHS] * 2
    for epoch in range(ddp_driver.EPOCHS):
        seeds = Counter(
            (seed, video)
            for clips in ranks
            for clip in clips
            if clip[0] == epoch
            for seed, video in zip(clip[2], clip[3], strict=True)
        )
        assert set(seeds.values()) == {1}
        assert len(seeds) == ddp_driver.NUM_CLIPS
        sources = Counter(video.split("/")[0] for _, video in seeds)
        assert sources == {"mose": 8, "ovis": 8}
        # What one process with batches of all would train on, step by step.
        assert seeds.keys() == alone(places, tmp_path, epoch)
    for one, other in zip(*ranks, strict=True):
        assert one[:2] == other[:2]
        assert one[4] == other[4], "both processes draw one shape"
        assert not set(one[2]) & set(other[2])


def alone(places, tmp_path, epoch):
    data = ddp_driver.data_of(places, tmp_path / "alone", batch_size=4)
    data.num_workers = 0
    data._set_up_training()
    loader = data.train_dataloader()
    loader.sampler.set_epoch(epoch)
    return {
        pair for batch in loader for pair in zip(batch.clip_seeds, batch.video_ids, strict=True)
    }

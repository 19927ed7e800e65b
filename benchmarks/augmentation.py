"""Clips per second from JPEG files to augmented tensors: `python -m benchmarks.augmentation`.

Ours (`MOSEDataModule` with `ClipAugment`) against the `training.dataset` package of the sam2 wheel,
both doing SAM 2's MOSE augmentation on the same 1280x720 files with two worker processes of one
thread each, in alternating rounds of one run. CPU seconds (of all processes) say what the work
costs even where other programs take their share of the cores. Needs the `reference` extra.
"""

import argparse
import contextlib
import gc
import io
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from kornia import augmentation as kornia_augmentation
from torch import Tensor
from torch.utils.data import DataLoader
from training.dataset import transforms as reference_transforms
from training.dataset.vos_dataset import VOSDataset, load_images
from training.dataset.vos_raw_dataset import PNGRawDataset
from training.dataset.vos_sampler import RandomUniformSampler
from training.utils.data_utils import collate_fn

from benchmarks.hd_videos import enlarged_videos, generated_videos
from benchmarks.results import Run, Table, add_save
from benchmarks.tables import markdown
from datamodules import ClipConfig, MOSEDataModule, VideoFolder
from datamodules.augment import sam2_mose
from datamodules.collate import collate_clips
from datamodules.datasets.clips import ClipDataset
from datamodules.datasets.geometry import ClipTransform, Window
from pvuw.types import VideoBatch

NUM_FRAMES, SIZE, MAX_OBJECTS, WORKERS = 8, 512, 3, 2
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def our_data(root: Path, num_clips: int) -> MOSEDataModule:
    """The data module as a recipe would set it up."""
    data = MOSEDataModule(
        train=VideoFolder(root / "JPEGImages", annotations=root / "Annotations"),
        clip=ClipConfig(
            num_frames=NUM_FRAMES, max_objects=MAX_OBJECTS, size=SIZE, clips_per_epoch=num_clips
        ),
        num_workers=WORKERS,
        augment=sam2_mose(),
    )
    data._clips = ClipDataset(data.train_videos(), data.clip, seed=0)  # setup wants a trainer
    return data


def reference_steps() -> list[Any]:
    """The steps of `sam2.1_hiera_b+_MOSE_finetune.yaml`."""
    t = reference_transforms
    consistent = {"consistent_transform": True}
    clip = {"brightness": 0.1, "contrast": 0.03, "saturation": 0.03, "hue": None}
    frame = {"brightness": 0.1, "contrast": 0.05, "saturation": 0.05, "hue": None}
    return [
        t.RandomHorizontalFlip(**consistent),
        t.RandomAffine(
            degrees=25, shear=20, image_interpolation="bilinear", log_warning=False, **consistent
        ),
        t.RandomResizeAPI(sizes=SIZE, square=True, **consistent),
        t.ColorJitter(**consistent, **clip),
        t.RandomGrayscale(p=0.05, **consistent),
        t.ColorJitter(consistent_transform=False, **frame),
        t.ToTensorAPI(),
        t.NormalizeAPI(mean=MEAN, std=STD),
    ]


class Repeated(torch.utils.data.Dataset[Any]):
    """The reference's data set, its videos repeated to a number of clips."""

    def __init__(self, root: Path, num_clips: int, steps: list[Any]) -> None:
        videos = PNGRawDataset(str(root / "JPEGImages"), str(root / "Annotations"))
        sampler = RandomUniformSampler(num_frames=NUM_FRAMES, max_num_objects=MAX_OBJECTS)
        with contextlib.redirect_stdout(io.StringIO()):  # it prints its length
            self.dataset = VOSDataset(steps, True, videos, sampler, multiplier=1)
        self.num_clips = num_clips

    def __len__(self) -> int:
        return self.num_clips

    def __getitem__(self, index: int) -> Any:
        return self.dataset[index % len(self.dataset)]


@dataclass(frozen=True)
class Cost:
    """What one clip takes."""

    wall: float
    """Seconds until it is there, with two workers."""
    cpu: float
    """Seconds of processor time in all processes together."""


def cost_of(epoch: Callable[[], int]) -> Cost:
    """What a clip takes in an epoch, its workers' start included.

    Args:
        epoch: Runs until its workers have ended; its result is the number of clips.
    """
    started, used = time.perf_counter(), _cpu_seconds()
    count = epoch()
    gc.collect()  # ends workers that are still there
    return Cost((time.perf_counter() - started) / count, (_cpu_seconds() - used) / count)


def _cpu_seconds() -> float:
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(usage.ru_utime + usage.ru_stime for usage in map(resource.getrusage, who))


def our_epoch(root: Path, num_clips: int) -> int:
    """Load and augment that many clips."""
    data = our_data(root, num_clips)
    count = 0
    for batch in data.train_dataloader():
        augmented = data.on_after_batch_transfer(batch, 0)
        assert augmented.frames.shape == (1, NUM_FRAMES, 3, SIZE, SIZE)
        count += 1
    return count


def reference_epoch(root: Path, num_clips: int) -> int:
    """Load and augment that many clips as SAM 2's training does."""
    loader = DataLoader(
        Repeated(root, num_clips, reference_steps()),
        batch_size=1,
        num_workers=WORKERS,
        collate_fn=partial(collate_fn, dict_key="all"),
    )
    count = 0
    for batch in loader:
        assert batch.img_batch.shape == (NUM_FRAMES, 1, 3, SIZE, SIZE)
        count += 1
    return count


def milliseconds(work: Callable[[], Any], repeats: int = 9) -> float:
    """Median CPU time of a call, after one call that is not counted."""
    times = []
    for _ in range(repeats + 1):
        started = time.process_time()
        work()
        times.append(1000 * (time.process_time() - started))
    return statistics.median(times[1:])


def our_stages(root: Path) -> Iterator[tuple[str, float]]:
    """What a clip costs us, stage by stage, one thread; the first three happen in a worker."""
    data = our_data(root, 4)
    assert data._clips is not None
    video, clips = data._clips.videos[0], data._clips
    frames = [video.read_frame(t).permute(1, 2, 0).numpy() for t in range(NUM_FRAMES)]
    masks = video.annotations
    ids = [masks.id_map(t, video.size_hw) for t in range(NUM_FRAMES)]
    resize = ClipTransform((SIZE, SIZE), Window(0, 0, SIZE, SIZE), flip=False)
    yield "decode 8 JPEGs", milliseconds(lambda: [video.read_frame(t) for t in range(NUM_FRAMES)])
    yield (
        "read 8 masks",
        milliseconds(
            lambda: [video.annotations.id_map(t, video.size_hw) for t in range(NUM_FRAMES)]
        ),
    )
    yield "resize", milliseconds(lambda: resize(frames, ids))
    yield "loader, all of it", milliseconds(lambda: collate_clips([clips[0]]))
    batch = collate_clips([clips[0]])
    augment = sam2_mose()
    yield "augment on the device", milliseconds(lambda: augment(batch))
    yield "the same with Kornia's pipeline", milliseconds(kornia_pipeline(batch))


def kornia_pipeline(batch: VideoBatch) -> Callable[[], Any]:
    """The recipe as Kornia's own containers do it (without the rule about lost objects)."""
    k = kornia_augmentation
    clip = k.VideoSequential(
        k.RandomHorizontalFlip(p=0.5),
        k.RandomAffine(25.0, shear=(-20.0, 20.0), p=1.0),
        k.ColorJitter(0.1, 0.03, 0.03, 0.0, p=1.0),
        k.RandomGrayscale(p=0.05),
        data_format="BTCHW",
        same_on_frame=True,
    )
    frame = k.VideoSequential(
        k.ColorJitter(0.1, 0.05, 0.05, 0.0, p=1.0), data_format="BTCHW", same_on_frame=False
    )
    pipeline = k.AugmentationSequential(clip, frame, data_keys=["input", "mask"])

    def run() -> tuple[Tensor, Tensor]:
        frames, masks = pipeline(batch.frames.float() / 255, batch.masks.float())
        return frames, masks > 0.5

    return run


def reference_stages(root: Path) -> Iterator[tuple[str, float]]:
    """What a clip costs the reference, stage by stage, one thread."""
    dataset = Repeated(root, 4, []).dataset
    video, segments = dataset.video_dataset.get_video(0)
    frames = video.frames[:NUM_FRAMES]
    yield "decode 8 JPEGs", milliseconds(lambda: load_images(frames))
    yield "read 8 masks", milliseconds(lambda: [segments.load(f.frame_idx) for f in frames])
    yield "loader, all of it, no transforms", milliseconds(lambda: dataset[0])
    names = ("flip", "affine", "resize", "jitter", "grayscale", "frame jitter", "tensor", "norm")
    times: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(9):
        clip = dataset[0]
        for name, step in zip(names, reference_steps(), strict=True):
            started = time.process_time()
            clip = step(clip)
            times[name].append(1000 * (time.process_time() - started))
    for name in names:
        yield name, statistics.mean(times[name])  # steps that happen by chance count by chance


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=40, help="clips of a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--images", type=Path, help="real videos instead of generated ones")
    parser.add_argument("--annotations", type=Path, help="their masks")
    add_save(parser)
    args = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    packages = ("torch", "torchvision", "kornia", "albumentations", "sam2")
    run = Run("augmentation", args, *packages)
    with tempfile.TemporaryDirectory() as name:
        if args.images is None:
            root = generated_videos(Path(name))
        else:
            root = enlarged_videos(
                Path(name), VideoFolder(args.images, annotations=args.annotations)
            )
        tables = report(root, num_clips=args.clips, rounds=args.rounds)
    for table in tables.values():
        print(markdown(asdict(table)))
    run.save(tables)


def report(root: Path, *, num_clips: int, rounds: int) -> dict[str, Table]:
    """What clips cost both, median of rounds (lowest to highest), and our stages and theirs."""
    sizes = [path.stat().st_size for path in root.glob("JPEGImages/*/*.jpg")]
    print(f"{len(sizes)} JPEGs of 1280x720, {np.mean(sizes) / 1000:.0f} kB on average")
    ours, theirs = [], []
    for _ in range(rounds):
        ours.append(cost_of(partial(our_epoch, root, num_clips)))
        theirs.append(cost_of(partial(reference_epoch, root, num_clips)))
    speeds = [[1 / cost.wall for cost in costs] for costs in (ours, theirs)]
    used = [[cost.cpu for cost in costs] for costs in (ours, theirs)]
    rows = [
        ["clips/s", *map(spread, speeds), spread(ratios(speeds[0], speeds[1]))],
        ["CPU seconds per clip", *map(spread, used), spread(ratios(used[1], used[0]))],
    ]
    form = "{:.3g} ({:.3g} to {:.3g})"
    tables = {"clips": Table(("", "ours", "reference", "ratio"), rows, ("{}", form, form, form))}
    for title, stages in (("ours", our_stages(root)), ("reference", reference_stages(root))):
        found = [[stage, taken] for stage, taken in stages]
        tables[title] = Table((f"{title}: stage", "CPU ms per clip"), found, ("{}", "{:.1f}"))
    return tables


def spread(values: list[float]) -> list[float]:
    """Median, lowest and highest."""
    return [statistics.median(values), min(values), max(values)]


def ratios(first: list[float], second: list[float]) -> list[float]:
    """Of each round."""
    return [a / b for a, b in zip(first, second, strict=True)]


if __name__ == "__main__":
    main()

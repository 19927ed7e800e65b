"""What validation costs at full and at the network's resolution.

    python -m benchmarks.val_resolution

A generated 1080p video runs through the shipped nano network and is scored, everything included:
decoding, the network, masks, truth, J and F. Seconds are those of this process on the CPU, so that
other work on the machine counts little.
"""

import argparse
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

import torch

from benchmarks.results import NANO, Run, Table, add_save
from benchmarks.tables import markdown
from lightning_modules import VOSModule
from lightning_modules.validation import Scorer, at_most
from pvuw.io.listing import VideoFolder, list_videos
from pvuw.io.queries import Query
from pvuw.io.videos import Video
from pvuw.losses import VOSLoss
from pvuw.nets.sam2 import Sam2
from pvuw.nets.shipped import SHIPPED
from pvuw.sample.manifest import SampleSpec
from pvuw.sample.write import write_sample
from pvuw.types import ScoredQuery

FRAMES, SIZE_HW, REPEATS = 16, (1080, 1920), 3


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add_save(parser)
    args, rows = parser.parse_args(), []
    torch.set_num_threads(1)
    run = Run("val_resolution", args, "torch", "sam2", "opencv-python-headless", weights=[NANO])
    module = VOSModule(Sam2(weights=Path(SHIPPED)), VOSLoss()).eval()
    with tempfile.TemporaryDirectory() as name:
        video = video_in(Path(name))
        for side in (None, 1024, 256):
            seconds, jf, _ = measure(module, video, side)
            rows.append(["full" if side is None else f"{side}x{side}", seconds / FRAMES, jf])
    table = Table(("compared at", "seconds a frame", "J&F"), rows, ("{}", "{:.3f}", "{:.4f}"))
    print(markdown(asdict(table)))
    run.save({"cost": table})


def video_in(folder: Path) -> Video:
    """A generated video."""
    write_sample(folder / "data", SampleSpec(0, 1, FRAMES, SIZE_HW), workers=1)
    valid = folder / "data" / "valid"
    source = VideoFolder(valid / "JPEGImages", valid / "Annotations", valid / "GroundTruth")
    (video,) = list_videos(source)
    return video


def measure(module: VOSModule, video: Video, side: int | None) -> tuple[float, float, int]:
    """Least seconds of a validation of the video, its J&F and the number of its objects."""
    size_of = None if side is None else at_most(lambda _: (side, side))
    times: list[float] = []
    scores: list[ScoredQuery] = []
    for _ in range(REPEATS):
        started = time.process_time()
        failures = module.run_queries(
            [Query.of(video)], [Scorer("mose", "", scores.append)], size_of=size_of
        )
        times.append(time.process_time() - started)
        assert not failures, failures
    return min(times), scores[-1].jf, len(scores[-1].object_ids)


if __name__ == "__main__":
    main()

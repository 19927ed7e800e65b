"""Drawing the videos of a sample in processes, one job each."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from pvuw.parallel import map_in_order
from pvuw.sample.manifest import PlannedVideo, SampleSpec
from pvuw.sample.scene import SampleFrame, generate_video

JPEG_QUALITY = 92
Result = TypeVar("Result")


@dataclass(frozen=True)
class Job:
    """One video to draw."""

    root: Path
    spec: SampleSpec
    video: PlannedVideo

    def frames(self) -> Iterator[SampleFrame]:
        """Yield the frames."""
        spec = self.spec
        return generate_video(
            self.video.seed,
            num_frames=spec.num_frames,
            size_hw=spec.size_hw,
            scenes=spec.scenes,
            lens=spec.lens,
        )


def in_processes(
    work: Callable[[Job], Result], jobs: Sequence[Job], workers: int
) -> Iterator[Result]:
    """Yield the result of every job in order, with a bar that shows how far it is."""
    workers = min(workers, len(jobs))
    written = map_in_order(work, jobs, workers=workers, name=lambda job: job.video.video_id)
    # disable=None: a progress bar on a terminal, none in a log file.
    yield from tqdm(written, total=len(jobs), desc="drawing videos", unit="video", disable=None)


def write_jpeg(path: Path, frame: NDArray[np.uint8]) -> None:
    """Write one frame, and the folder it is in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(frame).save(path, format="JPEG", quality=JPEG_QUALITY)

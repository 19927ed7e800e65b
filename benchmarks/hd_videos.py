"""MOSE folders of 1280x720 JPEGs, generated or enlarged, for benchmarks that read files."""

from pathlib import Path

import cv2
from PIL import Image

from pvuw.io.listing import VideoFolder, list_videos
from pvuw.io.masks import read_id_map, write_id_map
from pvuw.sample.job import JPEG_QUALITY
from pvuw.sample.manifest import SampleSpec
from pvuw.sample.write import write_sample

FRAME_HW = (720, 1280)


def generated_videos(folder: Path) -> Path:
    """A folder with `JPEGImages` and `Annotations` of generated 1280x720 videos."""
    spec = SampleSpec(train_videos=4, valid_videos=0, num_frames=12, size_hw=FRAME_HW)
    write_sample(folder / "sample", spec, workers=2)
    return folder / "sample" / "train"


def enlarged_videos(folder: Path, source: VideoFolder) -> Path:
    """The same with given videos enlarged to 1280x720, their first 16 frames."""
    height, width = FRAME_HW
    for video in list_videos(source):
        for position in range(min(16, len(video))):
            path = video.frame_paths[position]
            target = folder / "JPEGImages" / video.video_id / f"{path.stem}.jpg"
            target.parent.mkdir(parents=True, exist_ok=True)
            frame = Image.open(path).convert("RGB").resize((width, height))
            frame.save(target, quality=JPEG_QUALITY)
            ids = cv2.resize(
                read_id_map(Path(video.annotations.place(position))),
                (width, height),
                interpolation=cv2.INTER_NEAREST_EXACT,
            )
            write_id_map(folder / "Annotations" / video.video_id / f"{path.stem}.png", ids)
    return folder

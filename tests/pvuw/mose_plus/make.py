"""Small videos for these tests: drawn id maps, textured frames, records on disk."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from pvuw.io.mask_store import MaskStore
from pvuw.io.masks import read_id_map, write_id_map
from pvuw.io.records import ObjectInfo, VideoRecord
from pvuw.traits.video_traits import VideoTraits


@dataclass(frozen=True)
class FolderStore(MaskStore):
    """Palette PNGs with the id maps, one per frame; what a label or score is, is given."""

    folder: Path
    annotated: tuple
    occlusion: tuple = ()
    quality: tuple = ()

    def masks(self, frame_idx, size_hw):
        id_map = self.id_map(frame_idx, size_hw)
        return {int(i): id_map == i for i in np.unique(id_map) if i}

    def id_map(self, frame_idx, size_hw):
        return read_id_map(self.folder / f"{frame_idx:05d}.png")

    def positions(self):
        return self.annotated

    def stored_size_hw(self, frame_idx):
        return None

    def place(self, frame_idx):
        return str(self.folder / f"{frame_idx:05d}.png")

    def visible_ids(self, frame_idx):
        return tuple(self.masks(frame_idx, None))

    def occlusions(self, frame_idx):
        return dict(self.occlusion[frame_idx]) if self.occlusion else {}

    def qualities(self, frame_idx):
        return dict(self.quality[frame_idx]) if self.quality else {}


def write_record(root, id_maps, frames=None, *, annotated=None, **fields):
    """Write a video and return its record; `fields` replaces any of the record's."""
    source, split = fields.get("source", "mose"), fields.get("split", "train")
    video_id = fields.get("video_id", "video")
    images = Path(root) / source / split / "JPEGImages" / video_id
    masks = Path(root) / source / split / "Annotations" / video_id
    write_frames(images, np.zeros((*np.shape(id_maps), 3)) if frames is None else frames)
    for t, id_map in enumerate(id_maps):
        write_id_map(masks / f"{t:05d}.png", np.asarray(id_map, dtype=np.uint8))
    ids = range(1, int(np.max(id_maps)) + 1)
    return VideoRecord(
        **{
            "source": source,
            "split": split,
            "video_id": video_id,
            "frame_dir": images,
            "frame_files": tuple(f"{t:05d}.jpg" for t in range(len(id_maps))),
            "objects": tuple(ObjectInfo(i, str(i)) for i in ids),
            "store": FolderStore(masks, tuple(annotated or range(len(id_maps)))),
            "licence": "made for tests",
            "fps": 5.0,
        }
        | fields
    )


def write_frames(folder, frames, quality=90, size_hw=None):
    """Write RGB frames as JPEGs 00000.jpg, 00001.jpg, ..., at another size if asked."""
    folder.mkdir(parents=True, exist_ok=True)
    for t, frame in enumerate(frames):
        bgr = np.ascontiguousarray(np.asarray(frame, dtype=np.uint8)[..., ::-1])
        if size_hw is not None:
            bgr = cv2.resize(bgr, size_hw[::-1], interpolation=cv2.INTER_AREA)
        cv2.imwrite(str(folder / f"{t:05d}.jpg"), bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return [folder / f"{t:05d}.jpg" for t in range(len(frames))]


def texture(seed, size_hw):
    """A still picture, uint8 `[H, W, 3]`: blobs of several sizes, different for every seed."""
    rng = np.random.default_rng(seed)
    picture = np.zeros((*size_hw, 3), dtype=np.float32)
    for cells, strength in ((4, 60), (12, 40), (40, 20)):
        coarse = rng.normal(size=(cells, cells, 3)).astype(np.float32)
        picture += strength * cv2.resize(coarse, size_hw[::-1], interpolation=cv2.INTER_CUBIC)
    return np.clip(picture + 120, 0, 255).astype(np.uint8)


def clip(seed, *, num_frames=24, size_hw=(180, 320), background=None, speed=5, radius=18):
    """Three discs that wander over a background which moves unless one is given.

    Returns frames, uint8 `[T, H, W, 3]`, and id maps, uint8 `[T, H, W]`.
    """
    rng = np.random.default_rng(seed)
    height, width = size_hw
    wide = texture(seed, (height, width + 4 * num_frames))
    colours = rng.integers(0, 256, (3, 3))
    places = rng.uniform((radius, radius), (width - radius, height - radius), (3, 2))
    steps = rng.normal(size=(3, 2)) * speed
    frames, id_maps = [], []
    for t in range(num_frames):
        frame = (wide[:, 4 * t : 4 * t + width] if background is None else background).copy()
        id_map = np.zeros(size_hw, dtype=np.uint8)
        for i, (place, step) in enumerate(zip(places, steps, strict=True)):
            x, y = np.abs((place + t * step) % (2 * np.array([width, height])))
            centre = (int(min(x, 2 * width - x)), int(min(y, 2 * height - y)))
            cv2.circle(frame, centre, radius, colours[i].tolist(), -1)
            cv2.circle(id_map, centre, radius, i + 1, -1)
        frames.append(frame)
        id_maps.append(id_map)
    return np.stack(frames), np.stack(id_maps)


def traits(video_id="v", **values):
    """Traits of a video that nobody measured, all of them typical unless given."""
    plain = {
        "source": "mose",
        "split": "train",
        "video_id": video_id,
        "num_frames": 60,
        "fps": 5.0,
        "size_hw": (480, 854),
        "num_objects": 3,
        "objects_per_frame": 2.5,
        "max_objects": 3,
        "bor_mean": 0.2,
    }
    return VideoTraits(**(plain | values))

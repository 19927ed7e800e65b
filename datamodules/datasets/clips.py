"""Training clips cut from videos whose frames have masks."""

import warnings
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from datamodules.clip_sampling import ClipConfig, ClipDraw, ClipKey, draw_clip
from datamodules.collate import ClipSample
from datamodules.datasets.geometry import ClipTransform, draw_window, resize_ids, resized_hw
from pvuw.errors import DataError
from pvuw.io.listing import raise_lines, require_masks
from pvuw.io.videos import Video


class ClipDataset(Dataset[ClipSample]):
    """Clips by `ClipKey`; a plain index is a clip of epoch 0.

    Clips are cut from the frames that have a mask, in order; `stride` counts those.

    Args:
        videos: Videos with a mask for the frames to train on.
        config: How clips are cut.
        seed: Together with a clip's key it decides the clip.

    Raises:
        DataError: Listing every video that is broken, has no mask, or is shorter than a clip.
    """

    def __init__(self, videos: Sequence[Video], config: ClipConfig, *, seed: int) -> None:
        require_masks(videos)
        raise_lines([line for video in videos if (line := _too_short(video, config.num_frames))])
        self.videos = videos
        self.config = config
        self.seed = seed
        self._reported: set[str] = set()

    def __len__(self) -> int:
        """Return the clips of an epoch."""
        return self.config.clips_per_epoch or len(self.videos)

    def __getitem__(self, key: ClipKey | int) -> ClipSample:
        """Return a clip.

        Raises:
            DataError: If a file cannot be read, or no video shows an object anywhere.
        """
        key = key if isinstance(key, ClipKey) else ClipKey(0, key)
        rng = key.rng(self.seed)
        for offset in range(len(self.videos)):
            video = self.videos[(key.number + offset) % len(self.videos)]
            source = _ClipSource(video, self.config)
            draw = draw_clip(
                rng,
                self.config,
                num_usable=len(source.positions),
                visible=source.visible_ids,
            )
            if draw is not None:
                return source.load(draw, rng)
            self._report_once(video)
        raise DataError(
            f"none of the {len(self.videos)} training videos shows an object at {self.config.size} "
            "pixels; check that the annotations hold ids, or raise data.clip.size"
        )

    def _report_once(self, video: Video) -> None:
        if video.video_id not in self._reported:
            self._reported.add(video.video_id)
            warnings.warn(
                f"video {video.video_id}: no mask a clip could start from shows an object at "
                f"{self.config.size} pixels; the next video is used instead, leave this one out",
                stacklevel=2,
            )


class _ClipSource:
    """Reads clips of one video; keeps the id maps already read."""

    def __init__(self, video: Video, config: ClipConfig) -> None:
        self.video = video
        self.config = config
        self.positions = sorted(video.annotation_paths)
        self.size_hw = resized_hw(video.size_hw, config)
        self._masks: dict[int, tuple[NDArray[np.uint8], NDArray[np.uint8]]] = {}

    def visible_ids(self, usable: int) -> list[int]:
        """Return the ids that one of the usable frames still shows at training size."""
        return _ids_of(resize_ids(self._read(usable)[0], self.size_hw))

    def load(self, draw: ClipDraw, rng: np.random.Generator) -> ClipSample:
        """Return the drawn clip, frames and masks resized, cropped and mirrored alike."""
        maps = [self._read(usable) for usable in draw.positions]
        first = resize_ids(maps[0][0], self.size_hw)
        window = draw_window(rng, self.config, target=first == draw.ranked_ids[0])
        transform = ClipTransform(
            self.size_hw, window, flip=bool(rng.random() < self.config.flip_prob)
        )
        positions = [self.positions[usable] for usable in draw.positions]
        frames = [self.video.read_frame(p).permute(1, 2, 0).numpy() for p in positions]
        voids = [void for _, void in maps] if self.video.void_id is not None else []
        images, layers = transform(frames, [*(ids for ids, _ in maps), *voids])
        num_frames = len(frames)
        chosen = self._choose(draw.ranked_ids, layers[0])
        masks = layers[:num_frames, None] == np.asarray(chosen, dtype=np.uint8)[:, None, None]
        return ClipSample(
            video_id=self.video.video_id,
            frames=torch.from_numpy(images.transpose(0, 3, 1, 2).copy()),
            masks=torch.from_numpy(masks),
            object_ids=chosen,
            frame_idx=torch.tensor(positions),
            void=torch.from_numpy(layers[num_frames:] != 0) if voids else None,
            seed=int(rng.integers(2**63)),
            pixel_aspect=self._pixel_aspect,
        )

    @property
    def _pixel_aspect(self) -> float:
        height, width = self.video.size_hw
        new_height, new_width = self.size_hw
        return (width / new_width) / (height / new_height)

    def _choose(self, ranked_ids: list[int], first: NDArray[np.uint8]) -> list[int]:
        """Return the highest ranked objects that the crop has left on the first frame."""
        left = set(_ids_of(first))
        return sorted([i for i in ranked_ids if i in left][: self.config.max_objects])

    def _read(self, usable: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        if usable not in self._masks:
            ids, void = self.video.read_annotation_and_void(self.positions[usable])
            self._masks[usable] = ids.numpy(), void.numpy().view(np.uint8)
        return self._masks[usable]


def _ids_of(id_map: NDArray[np.uint8]) -> list[int]:
    present = np.bincount(id_map.ravel(), minlength=256)
    present[0] = 0
    return [int(i) for i in np.flatnonzero(present)]


def _too_short(video: Video, num_frames: int) -> str | None:
    count = len(video.annotation_paths)
    if count >= num_frames:
        return None
    return (
        f"video {video.video_id}: {count} frames with a mask, a clip needs {num_frames}; leave it "
        "out (data.train.exclude) or lower data.clip.num_frames"
    )

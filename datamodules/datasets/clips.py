"""Training clips cut from videos whose frames have masks."""

import warnings
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from datamodules.clip_order import ClipOrder, Pool
from datamodules.clip_sampling import ClipConfig, ClipDraw, ClipKey, draw_clip
from datamodules.collate import ClipSample
from datamodules.datasets.clip_sources import training_problem
from datamodules.datasets.geometry import ClipTransform, draw_window, resize_ids, resized_hw
from datamodules.datasets.look_alikes import by_likeness
from pvuw.errors import DataError
from pvuw.io.listing import raise_lines
from pvuw.io.mask_store import ObjectMap
from pvuw.io.videos import Video


class ClipDataset(Dataset[ClipSample]):
    """Clips by `ClipKey`; a plain index is a clip of epoch 0.

    Clips are cut from the frames that have a mask, in order; `stride` counts those.

    Args:
        videos: Videos with a mask for the frames to train on.
        config: How clips are cut.
        seed: Together with a clip's key it decides the clip.
        pools: Which of the videos, in order, share a part of each epoch; default: all of them.

    Raises:
        DataError: Listing every video that is broken, has no mask, or is shorter than a clip.
    """

    def __init__(
        self,
        videos: Sequence[Video],
        config: ClipConfig,
        *,
        seed: int,
        pools: Sequence[Pool] | None = None,
    ) -> None:
        raise_lines([line for v in videos if (line := training_problem(v, config.num_frames))])
        self.videos = videos
        self.config = config
        self.seed = seed
        self.pools = pools or [Pool("training", len(videos))]
        self._pool_ends = list(accumulate(pool.num_videos for pool in self.pools))
        assert self._pool_ends[-1] == len(videos)
        self._reported: set[int] = set()

    def __len__(self) -> int:
        """Return the clips of an epoch."""
        return self.config.clips_per_epoch or len(self.videos) * self.config.clips_per_video

    def order(self) -> ClipOrder:
        """Return which clips every epoch has.

        Raises:
            DataError: If a pool would get none.
        """
        try:
            return ClipOrder(self.pools, len(self), self.seed, self.config, self._size_hw)
        except ValueError as error:
            raise DataError(str(error)) from error

    def __getitem__(self, key: ClipKey | int) -> ClipSample:
        """Return a clip.

        Raises:
            DataError: If a file cannot be read, or no video of the pool shows an object anywhere.
        """
        key = key if isinstance(key, ClipKey) else ClipKey(0, key)
        rng = key.rng(self.seed)
        wanted = key.number % len(self.videos)
        pool_idx = bisect_right(self._pool_ends, wanted)
        pool = self.pools[pool_idx]
        first = self._pool_ends[pool_idx] - pool.num_videos
        config = self.config.with_stride_times(pool.stride_factor)
        for offset in range(pool.num_videos):
            video_idx = first + (wanted - first + offset) % pool.num_videos
            cutter = _Cutter(self.videos[video_idx], config, key.size_hw)
            draw = draw_clip(
                rng,
                config,
                num_usable=len(cutter.positions),
                visible=cutter.visible_ids,
            )
            if draw is not None:
                return cutter.load(draw, rng)
            self._report_once(video_idx, cutter.video.video_id)
        raise DataError(
            f"none of the {pool.num_videos} {pool.name} videos shows an object at "
            f"{self.config.side} pixels; check that the annotations hold ids, or raise "
            "data.clip.size"
        )

    def _size_hw(self, video_idx: int) -> tuple[int, int]:
        return self.videos[video_idx].size_hw

    def _report_once(self, video_idx: int, video_id: str) -> None:
        if video_idx not in self._reported:
            self._reported.add(video_idx)
            warnings.warn(
                f"video {video_id}: no mask a clip could start from shows an object at "
                f"{self.config.side} pixels; the next video is used instead, leave this one out",
                stacklevel=2,
            )


class _Cutter:
    """Cuts one clip of one video; keeps the object maps of the frames tried as its first.

    Args:
        video: The video.
        config: How clips are cut.
        size_hw: Height and width of the clip where its step has its own.
    """

    def __init__(self, video: Video, config: ClipConfig, size_hw: tuple[int, int] | None) -> None:
        self.video = video
        self.positions = video.annotations.positions()
        # Where a step has a shape of its own, its short side is the resolution drawn for it.
        self.config = replace(config, size=min(size_hw)) if size_hw else config
        self.size_hw = resized_hw(video.size_hw, self.config)
        if size_hw is not None and config.fit == "keep":
            self.size_hw = size_hw
        self._tried: dict[int, ObjectMap] = {}

    def visible_ids(self, usable: int) -> list[int]:
        """Return the ids that one of the usable frames still shows at training size."""
        objects = self._read_objects(usable)
        self._tried[usable] = objects
        return [objects.ids[i - 1] for i in _labels_in(resize_ids(objects.labels, self.size_hw))]

    def load(self, draw: ClipDraw, rng: np.random.Generator) -> ClipSample:
        """Return the drawn clip, frames and masks resized, cropped and mirrored alike."""
        positions = [self.positions[usable] for usable in draw.positions]
        start = self._tried[draw.positions[0]]
        labels = resize_ids(start.labels, self.size_hw)
        ranked = [start.ids.index(object_id) + 1 for object_id in draw.ranked_ids]
        frames = [self._read_frame(positions[0])]
        # Drawn only where asked for, so that the option does not change the clips of other runs.
        if self.config.look_alike_prob and rng.random() < self.config.look_alike_prob:
            ranked = by_likeness(frames[0], labels, ranked)
        window = draw_window(rng, self.config, target=labels == ranked[0])
        transform = ClipTransform(
            self.size_hw, window, flip=bool(rng.random() < self.config.flip_prob)
        )
        left = set(_labels_in(labels[window.top : window.bottom, window.left : window.right]))
        chosen = [i for i in ranked if i in left][: self.config.max_objects]
        object_ids = sorted(start.ids[i - 1] for i in chosen)
        maps = [start, *(self._objects(usable, object_ids) for usable in draw.positions[1:])]
        frames += [self._read_frame(position) for position in positions[1:]]
        voids = _voids_of(maps)
        images, layers = transform(frames, [*(m.labels for m in maps), *voids])
        wanted = np.array([_labels_of(m, object_ids) for m in maps], dtype=np.uint8)
        masks = layers[: len(frames), None] == wanted[:, :, None, None]
        masks[wanted == 0] = False  # an object the map of that frame does not know
        return ClipSample(
            video_id=self.video.video_id,
            frames=torch.from_numpy(images.transpose(0, 3, 1, 2).copy()),
            masks=torch.from_numpy(masks),
            object_ids=object_ids,
            frame_idx=torch.tensor(positions),
            void=torch.from_numpy(layers[len(frames) :] != 0) if voids else None,
            seed=int(rng.integers(2**63)),
            pixel_aspect=self._pixel_aspect,
        )

    @property
    def _pixel_aspect(self) -> float:
        height, width = self.video.size_hw
        new_height, new_width = self.size_hw
        return (width / new_width) / (height / new_height)

    def _objects(self, usable: int, object_ids: list[int]) -> ObjectMap:
        if usable in self._tried:
            return self._tried[usable]
        return self._read_objects(usable, object_ids)

    def _read_objects(self, usable: int, object_ids: list[int] | None = None) -> ObjectMap:
        masks = self.video.annotations
        return masks.read(self.positions[usable], self.video.size_hw, object_ids)

    def _read_frame(self, position: int) -> NDArray[np.uint8]:
        frame: NDArray[np.uint8] = self.video.read_frame(position).permute(1, 2, 0).numpy()
        return frame


def _voids_of(maps: Sequence[ObjectMap]) -> list[NDArray[np.uint8]]:
    """Return the void pixels of each frame; an empty list where no frame has any."""
    if all(m.void is None for m in maps):
        return []
    return [np.zeros_like(m.labels) if m.void is None else m.void for m in maps]


def _labels_in(labels: NDArray[np.uint8]) -> list[int]:
    present = np.bincount(labels.ravel(), minlength=256)
    present[0] = 0
    return [int(i) for i in np.flatnonzero(present)]


def _labels_of(objects: ObjectMap, object_ids: Sequence[int]) -> list[int]:
    """Return the label of each object in one frame, 0 where the frame does not have it."""
    return [objects.ids.index(i) + 1 if i in objects.ids else 0 for i in object_ids]

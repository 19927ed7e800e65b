"""Training clips of videos that sentences are about: a slot is what one sentence means."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from datamodules.clip_order import ClipOrder, Pool
from datamodules.clip_sampling import ClipConfig, ClipKey
from datamodules.collate import ClipSample
from datamodules.datasets.geometry import ClipTransform, Window, resized_hw
from datamodules.sentence_sampling import SentenceDraw, SentenceSampling
from pvuw.errors import DataError
from pvuw.io.expressions import mirrored, speaks_of_motion
from pvuw.io.mask_store import UnionMasks
from pvuw.io.records import VideoRecord
from pvuw.io.videos import FolderFiles, Video

SentencePool = tuple[str, float | None, Sequence[VideoRecord]]
"""Name, weight and videos of a source."""


class SentenceClips(Dataset[ClipSample]):
    """Clips by `ClipKey`; a plain index is a clip of epoch 0.

    Each frame of a clip is decoded once, however many sentences ask about it. Masks of slots
    overlap where what their sentences mean does, and are empty where a sentence means nothing.

    A clip is mirrored only where every one of its sentences can be: 'left' and 'right' change
    places in the text. It runs backwards only where none of its sentences speaks of motion.

    Args:
        pools: Videos with sentences, by source.
        config: Of it count frames, slots, resolution, clips of an epoch, and the chances to be
            mirrored and to run backwards.
        sampling: Which frames and sentences.
        seed: Together with a clip's key it decides the clip.
        reverse_motion: Sentences about motion may run backwards too.

    Raises:
        DataError: If a source has no sentence.
        ValueError: If the settings ask for what would falsify sentences.
    """

    def __init__(
        self,
        pools: Sequence[SentencePool],
        config: ClipConfig,
        sampling: SentenceSampling,
        *,
        seed: int,
        reverse_motion: bool = False,
    ) -> None:
        if config.fit == "crop":
            raise ValueError(
                "data.clip.fit: crop would cut away what a sentence speaks of; use stretch or keep"
            )
        if config.look_alike_prob or config.stride != 1:
            raise ValueError(
                "data.clip.look_alike_prob and stride choose objects and frames, which sentences "
                "(data.sampling) do here; leave them out"
            )
        self.config = config
        self.sampling = sampling
        self.seed = seed
        self.reverse_motion = reverse_motion
        self.records = [record for _, _, records in pools for record in records]
        counts = [sampling.clips_of(record) for record in self.records]
        self._ends = np.array(list(accumulate(counts)))
        ends = list(accumulate(len(records) for _, _, records in pools))
        self.pools = [
            Pool(name, sum(counts[end - len(records) : end]), weight)
            for (name, weight, records), end in zip(pools, ends, strict=True)
        ]
        for pool in self.pools:
            if not pool.num_videos:
                raise DataError(f"{pool.name}: has no sentence about any video; remove the source")

    def __len__(self) -> int:
        """Return the clips of an epoch."""
        turn = int(self._ends[-1])
        return self.config.clips_per_epoch or turn * self.config.clips_per_video

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
            DataError: If a file cannot be read.
        """
        key = key if isinstance(key, ClipKey) else ClipKey(0, key)
        rng = key.rng(self.seed)
        item = key.number % int(self._ends[-1])
        place = int(np.searchsorted(self._ends, item, side="right"))
        record = self.records[place]
        first = int(self._ends[place - 1]) if place else 0
        draw = self.sampling.draw(
            rng,
            record,
            number=item - first,
            num_frames=self.config.num_frames,
            max_sentences=self.config.max_objects,
        )
        return self._cut(record, draw, rng, key.size_hw)

    def _cut(
        self,
        record: VideoRecord,
        draw: SentenceDraw,
        rng: np.random.Generator,
        size_hw: tuple[int, int] | None,
    ) -> ClipSample:
        expressions = [record.expressions[i] for i in draw.sentences]
        texts = [expression.text for expression in expressions]
        positions = list(draw.positions)
        backwards = rng.random() < self.config.reverse_prob
        if backwards and (self.reverse_motion or not any(map(speaks_of_motion, texts))):
            positions.reverse()
        turned = [mirrored(text) for text in texts]
        flip = rng.random() < self.config.flip_prob and None not in turned
        clip_hw = self._clip_hw(record.size_hw, size_hw)
        targets = UnionMasks(record.store, tuple(e.object_ids for e in expressions))
        frames, masks = _read(record, targets, positions, len(texts))
        images, layers = ClipTransform(clip_hw, Window(0, 0, *clip_hw), flip=bool(flip))(
            frames, masks
        )
        shape = (len(positions), len(texts), *clip_hw)
        height, width = record.size_hw
        return ClipSample(
            video_id=record.video_id,
            frames=torch.from_numpy(images.transpose(0, 3, 1, 2).copy()),
            masks=torch.from_numpy(layers.reshape(shape) != 0),
            object_ids=list(range(1, len(texts) + 1)),
            frame_idx=torch.tensor(positions),
            seed=int(rng.integers(2**63)),
            pixel_aspect=(width / clip_hw[1]) / (height / clip_hw[0]),
            sentences=[text for text in turned if text is not None] if flip else texts,
        )

    def _clip_hw(
        self, video_hw: tuple[int, int], step_hw: tuple[int, int] | None
    ) -> tuple[int, int]:
        if step_hw is not None and self.config.fit == "keep":
            return step_hw
        config = replace(self.config, size=min(step_hw)) if step_hw else self.config
        return resized_hw(video_hw, config)

    def _size_hw(self, item: int) -> tuple[int, int]:
        place = int(np.searchsorted(self._ends, item, side="right"))
        return self.records[place].size_hw


def _read(
    record: VideoRecord, targets: UnionMasks, positions: Sequence[int], slots: int
) -> tuple[list[NDArray[np.uint8]], list[NDArray[np.uint8]]]:
    """Return frames, uint8 `[H, W, 3]`, and the mask of each slot of each, uint8 `[H, W]`."""
    video = Video(record.video_id, FolderFiles(record.frame_dir, record.frame_files))
    nothing = np.zeros(record.size_hw, dtype=np.uint8)
    frames, masks = {}, {}
    for position in dict.fromkeys(positions):
        frames[position] = video.read_frame(position).permute(1, 2, 0).numpy()
        shown = targets.masks(position, record.size_hw) if position in targets else {}
        masks[position] = [
            shown[slot].view(np.uint8) if slot in shown else nothing for slot in range(1, slots + 1)
        ]
    return [frames[t] for t in positions], [mask for t in positions for mask in masks[t]]

"""Cutie on one video, frame by frame."""

from collections.abc import Mapping

import torch
from torch import Tensor

from pvuw.nets.cutie.clips import against_background, competing_logits, softmax_over_clip
from pvuw.nets.cutie.keys import KeyProjection, Keys
from pvuw.nets.cutie.memory import Bucket, MemoryConfig, Tokens
from pvuw.nets.cutie.network import Decoded, FrameFeatures, ObjectMemoryNet
from pvuw.nets.cutie.streaming import ObjectMemorySession
from pvuw.nets.matching.competing import insert_masks
from pvuw.nets.matching.framing import SizePolicy


class CutieSession(ObjectMemorySession):
    """Streams a video through Cutie with the results of the authors' `InferenceCore`.

    Every `mem_every` frames, and wherever masks are given, the frame enters pixel and object
    memory. Pixel memory is bounded; object memory is one sum.

    Args:
        net: The network, in evaluation mode, on the device to run on.
        key_proj: Its key projection.
        memory: What is kept of past frames.
        frame_size: At which size frames enter.
        scale: Multiplies that size.
    """

    def __init__(
        self,
        net: ObjectMemoryNet,
        key_proj: KeyProjection,
        *,
        memory: MemoryConfig,
        frame_size: SizePolicy,
        scale: float = 1.0,
    ) -> None:
        super().__init__(net, frame_size, scale=scale)
        self._key_proj = key_proj
        self._config = memory
        self._sensory_steps = memory.sensory_steps
        self._begin()

    def _begin(self) -> None:
        self._buckets: list[Bucket] = []
        self._frames_since_memory = 0
        self._state = None

    def _forget(self, object_id: int) -> None:
        for bucket in self._buckets:
            if object_id in bucket.object_ids:
                bucket.remove(object_id)
        self._buckets = [bucket for bucket in self._buckets if bucket.object_ids]

    def _advance(
        self, features: FrameFeatures, given: Mapping[int, Tensor], *, known: int, last: bool
    ) -> Tensor:
        keys: Keys = self._key_proj(features.f16)
        counts = [len(self._slots)]
        logits = None
        some_missing = any(slot not in given for slot in range(known))
        if known and (some_missing or max(given) >= known):
            decoded = self._segment(features, keys, known)
            logits = decoded.objects, decoded.background
            if self._frames_since_memory in self._sensory_steps and not last:
                assert self._state is not None
                self._state.sensory = self._net.advance(decoded, self._state.sensory)
        if given:
            predicted = None if logits is None else softmax_over_clip(*logits, [known])
            merged = insert_masks(predicted, given, num_objects=counts[0])
            logits = competing_logits(merged, counts)
        assert logits is not None
        self._update_state(softmax_over_clip(*logits, counts))
        if not last and (given or self._frames_since_memory >= self._config.mem_every):
            self._memorise(features, keys)
            self._frames_since_memory = 0
        self._frames_since_memory += 1
        return against_background(*logits, counts)

    def _segment(self, features: FrameFeatures, keys: Keys, known: int) -> Decoded:
        """Masks of the objects in memory, bucket by bucket up to the decoder."""
        assert self._state is not None
        refined, order = [], []
        query, selection = _cells(keys.keys), _cells(keys.selection)
        for bucket in self._buckets:
            slots = [self.object_ids.index(i) for i in bucket.object_ids]
            state = self._state.take(slots)
            maps, _ = self._net.refine(
                features,
                bucket.read(query, selection).view_as(state.sensory),
                sensory=state.sensory,
                last_masks=state.masks,
                summaries=state.summaries,
                counts=[len(slots)],
            )
            refined.append(maps)
            order += slots
        in_slots = [order.index(slot) for slot in range(known)]
        return self._net.decode(features, torch.cat(refined)[in_slots], [known])

    def _memorise(self, features: FrameFeatures, keys: Keys) -> None:
        """Add the frame and its masks to all memories."""
        assert self._state is not None
        state = self._state
        values, summaries = self._net.encode_masks(features, state.masks, [len(state.masks)])
        state.sensory = self._net.deepen(values, state.sensory)
        state.summaries = state.summaries + summaries
        remembered = {i for bucket in self._buckets for i in bucket.object_ids}
        fresh = [i for i in self.object_ids if i not in remembered]
        if fresh:
            self._buckets.append(Bucket(fresh, self._config))
        cells = values.flatten(2).permute(2, 0, 1)  # [L, N, C]
        for bucket in self._buckets:
            slots = [self.object_ids.index(i) for i in bucket.object_ids]
            bucket.write(
                Tokens.new(
                    _cells(keys.keys),
                    keys.shrinkage.flatten(),
                    cells[:, slots],
                    _cells(keys.selection),
                )
            )


def _cells(maps: Tensor) -> Tensor:
    """One row for each cell of the map of one picture: `[1, C, h, w]` to `[h * w, C]`."""
    return maps[0].flatten(1).T.contiguous()

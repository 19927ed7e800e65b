"""LiVOS on one video, frame by frame."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from pvuw.nets.cutie.clips import against_background, softmax_over_clip
from pvuw.nets.cutie.network import Decoded, FrameFeatures, ObjectMemoryNet
from pvuw.nets.cutie.streaming import ObjectMemorySession
from pvuw.nets.livos.matching import GateProjector, KeyProjector, readout, written
from pvuw.nets.matching.competing import insert_masks
from pvuw.nets.matching.framing import SizePolicy

_EDGE = 1e-7
"""Given masks are this sure of themselves."""


@dataclass
class Group:
    """Objects that first appeared on the same frame."""

    object_ids: list[int]
    state: Tensor
    """Memory of each, float32 `[N, K, C]`."""
    key_sum: Tensor
    """Sum of the keys of all frames since, float32 `[K, h, w]`."""

    def remove(self, object_id: int) -> None:
        """Forget an object of several."""
        kept = [slot for slot, i in enumerate(self.object_ids) if i != object_id]
        self.object_ids = [self.object_ids[slot] for slot in kept]
        self.state = self.state[kept]


class LiVOSSession(ObjectMemorySession):
    """Streams a video through LiVOS with the results of the authors' `InferenceCore`.

    Every frame enters memory, which is a matrix per object: it never grows.

    Args:
        net: The network, in evaluation mode, on the device to run on.
        key_projector: Its keys.
        gate_projector: Its gate.
        frame_size: At which size frames enter.
        scale: Multiplies that size.
    """

    def __init__(
        self,
        net: ObjectMemoryNet,
        key_projector: KeyProjector,
        gate_projector: GateProjector,
        *,
        frame_size: SizePolicy,
        scale: float = 1.0,
    ) -> None:
        super().__init__(net, frame_size, scale=scale)
        self._key_projector = key_projector
        self._gate_projector = gate_projector
        self._begin()

    def _begin(self) -> None:
        self._groups: list[Group] = []
        self._state = None

    def _forget(self, object_id: int) -> None:
        for group in self._groups:
            if object_id in group.object_ids:
                group.remove(object_id)
        self._groups = [group for group in self._groups if group.object_ids]

    def _advance(
        self, features: FrameFeatures, given: Mapping[int, Tensor], *, known: int, last: bool
    ) -> Tensor:
        keys: Tensor = self._key_projector(features.f16)[0]
        predicted = logits = None
        if known:
            decoded = self._segment(features, keys, known)
            predicted = softmax_over_clip(decoded.objects, decoded.background, [known])
            logits = against_background(decoded.objects, decoded.background, [known])
        if given:
            predicted = insert_masks(predicted, given, num_objects=len(self._slots))
            logits = _log_odds(predicted)
        assert predicted is not None
        assert logits is not None
        self._update_state(predicted)
        if not last:
            self._memorise(features, keys)
        return logits

    def _segment(self, features: FrameFeatures, keys: Tensor, known: int) -> Decoded:
        """Masks of the objects in memory; the recurrent state moves on."""
        assert self._state is not None
        state = self._state
        read = torch.empty_like(state.sensory)
        for group in self._groups:
            read[self._slots_of(group)] = readout(group.state, keys, group.key_sum)
        refined, _ = self._net.refine(
            features,
            read,
            sensory=state.sensory,
            last_masks=state.masks,
            summaries=state.summaries,
            counts=[known],
        )
        decoded = self._net.decode(features, refined, [known])
        state.sensory = self._net.advance(decoded, state.sensory)
        return decoded

    def _memorise(self, features: FrameFeatures, keys: Tensor) -> None:
        """Add the frame and its masks to all memories."""
        assert self._state is not None
        state = self._state
        values, summaries = self._net.encode_masks(features, state.masks, [len(state.masks)])
        state.sensory = self._net.deepen(values, state.sensory)
        state.summaries = state.summaries + summaries
        remembered = {i for group in self._groups for i in group.object_ids}
        fresh = [i for i in self.object_ids if i not in remembered]
        if fresh:
            blank = keys.new_zeros(len(fresh), keys.shape[0], values.shape[1])
            self._groups.append(Group(fresh, blank, torch.zeros_like(keys)))
        gate = self._gate_projector(features.f16)[0]
        for group in self._groups:
            group.state = written(group.state, gate, keys, values[self._slots_of(group)])
            group.key_sum = group.key_sum + keys

    def _slots_of(self, group: Group) -> list[int]:
        return [self.object_ids.index(i) for i in group.object_ids]


def _log_odds(probs: Tensor) -> Tensor:
    """Log-odds against background, of probabilities `[N, H, W]` that leave it what is left of 1."""
    background = (1 - probs.sum(dim=0)).clamp(_EDGE, 1)
    return probs.clamp(min=_EDGE).log() - background.log()

"""LiVOS' training forward: clips whose first frame is given, every later frame decoded.

What the authors train with (`LIVOS.forward` at `8c26cb0`), with the objects of all clips in one
batch and without padding objects. The auxiliary masks come from the recurrent state after the frame
was decoded, where Cutie's come from before.
"""

import torch
from torch import Tensor

from pvuw.nets.cutie.network import ObjectMemoryNet
from pvuw.nets.cutie.training import TrainingClip, add_decoding
from pvuw.nets.livos.matching import GateProjector, KeyProjector, readout, written
from pvuw.types import AuxiliaryClip, VideoBatch


def forward_clip(
    net: ObjectMemoryNet,
    key_projector: KeyProjector,
    gate_projector: GateProjector,
    batch: VideoBatch,
) -> AuxiliaryClip:
    """Decode every frame but the first of a batch of clips, each from the memory of those before.

    Args:
        net: The network.
        key_projector: Its keys.
        gate_projector: Its gate.
        batch: Clips of at least two frames, sides multiples of 16, with one object at least.

    Returns:
        One decoding for every frame but the first, with the auxiliary masks.

    Raises:
        ValueError: If the batch has no object, one frame, or sides that 16 does not divide.
    """
    clip = TrainingClip(net, batch)
    memory = _Memory(clip, key_projector, gate_projector)
    masks = clip.first_masks
    sensory = net.blank_state(clip.frame(0), len(masks))
    summaries: Tensor | None = None
    output = AuxiliaryClip({}, {}, {})
    for t in range(clip.num_frames):
        features = clip.frame(t)
        if summaries is not None:
            refined, levels = net.refine(
                features,
                memory.read(t),
                sensory=sensory,
                last_masks=masks,
                summaries=summaries,
                counts=clip.counts,
            )
            decoded = net.decode(features, refined, clip.counts)
            sensory = net.advance(decoded, sensory)
            levels = [*levels, net.object_transformer.level_logits(refined, len(levels))]
            add_decoding(output, t, net, features, decoded, sensory, levels, clip.counts)
            masks = clip.probabilities(decoded)
        if t + 1 < clip.num_frames:
            values, more = net.encode_masks(features, masks, clip.counts)
            summaries = more if summaries is None else summaries + more
            sensory = net.deepen(values, sensory)
            memory.write(t, values)
    return output


class _Memory:
    """Linear matching memory of the objects of all clips of a batch."""

    def __init__(
        self, clip: TrainingClip, key_projector: KeyProjector, gate_projector: GateProjector
    ) -> None:
        self._counts = clip.counts
        shape = (len(clip.counts), clip.num_frames)
        keys: Tensor = key_projector(clip.features.f16)
        gates: Tensor = gate_projector(clip.features.f16)
        self._keys = keys.view(*shape, *keys.shape[1:])  # [B, T, K, h, w]
        self._gates = gates.view(*shape, -1)  # [B, T, C]
        dims = keys.shape[1], gates.shape[1]
        self._states = [keys.new_zeros(count, *dims) for count in clip.counts]
        self._key_sums = torch.zeros_like(self._keys[:, 0])

    def read(self, t: int) -> Tensor:
        """What the objects were where memory looks like frame `t`, float32 `[O, C, h, w]`."""
        clips = zip(self._states, self._keys[:, t], self._key_sums, strict=True)
        return torch.cat([readout(state, keys, total) for state, keys, total in clips])

    def write(self, t: int, values: Tensor) -> None:
        """Add frame `t` with the objects' values, `[O, C, h, w]`."""
        clips = zip(
            self._states,
            self._gates[:, t],
            self._keys[:, t],
            torch.split(values, self._counts),
            strict=True,
        )
        self._states = [written(*clip) for clip in clips]
        self._key_sums = self._key_sums + self._keys[:, t]

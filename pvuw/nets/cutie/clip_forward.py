"""Cutie's training forward: clips whose first frame is given, every later frame decoded.

What the authors train with (`train_wrapper.py` at `ec5cdd4`), with the objects of all clips in one
batch and without padding objects.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pvuw.nets.cutie.keys import KeyProjection, Keys
from pvuw.nets.cutie.network import ObjectMemoryNet
from pvuw.nets.cutie.training import TrainingClip, add_decoding
from pvuw.nets.matching.affinity import full_affinity, read_values, similarity
from pvuw.types import AuxiliaryClip, VideoBatch


@dataclass(frozen=True)
class CutieClips:
    """How a frame of a training clip reads the frames before it."""

    num_ref_frames: int = 3
    """Most frames of the past that are read, drawn at random where there are more."""
    deep_update_prob: float = 0.2
    """How often a frame's value updates the recurrent state; the first frame's always does."""

    def __post_init__(self) -> None:
        if self.num_ref_frames < 1:
            raise ValueError(f"clip.num_ref_frames must be at least 1, got {self.num_ref_frames}")
        if not 0 <= self.deep_update_prob <= 1:
            raise ValueError(f"clip.deep_update_prob is in 0..1, got {self.deep_update_prob}")


def forward_clip(
    net: ObjectMemoryNet, key_proj: KeyProjection, batch: VideoBatch, *, config: CutieClips
) -> AuxiliaryClip:
    """Decode every frame but the first of a batch of clips, each from the memory of those before.

    Draws from torch's global generator: which frames are read, and whether the state is updated.

    Args:
        net: The network.
        key_proj: Its key projection.
        batch: Clips of at least two frames, sides multiples of 16, with one object at least.
        config: How a frame reads the past.

    Returns:
        One decoding for every frame but the first, with the auxiliary masks.

    Raises:
        ValueError: If the batch has no object, one frame, or sides that 16 does not divide.
    """
    clip = TrainingClip(net, batch)
    memory = _Memory(clip, key_proj)
    values, summaries = net.encode_masks(clip.frame(0), clip.first_masks, clip.counts)
    sensory = net.deepen(values, net.blank_state(clip.frame(0), len(values)))
    masks = clip.first_masks
    memory.add(values)
    output = AuxiliaryClip({}, {}, {})
    for t in range(1, clip.num_frames):
        features = clip.frame(t)
        refined, levels = net.refine(
            features,
            memory.read(t, config.num_ref_frames),
            sensory=sensory,
            last_masks=masks,
            summaries=summaries,
            counts=clip.counts,
        )
        decoded = net.decode(features, refined, clip.counts)
        levels = [*levels, net.object_transformer.level_logits(refined, len(levels))]
        add_decoding(output, t, net, features, decoded, sensory, levels, clip.counts)
        sensory = net.advance(decoded, sensory)
        if t + 1 < clip.num_frames:
            masks = clip.probabilities(decoded)
            values, more = net.encode_masks(features, masks, clip.counts)
            summaries = summaries + more
            memory.add(values)
            if torch.rand(()) < config.deep_update_prob:
                sensory = net.deepen(values, sensory)
    return output


class _Memory:
    """Keys of all frames of a batch of clips, and values of those seen so far."""

    def __init__(self, clip: TrainingClip, key_proj: KeyProjection) -> None:
        self._counts = clip.counts
        keys: Keys = key_proj(clip.features.f16)
        shape = (len(clip.counts), clip.num_frames)
        # [B, T, C, h, w]
        self._keys, self._shrinkage, self._selection = (
            maps.view(*shape, *maps.shape[1:]) for maps in keys
        )
        self._values: list[Tensor] = []

    def add(self, values: Tensor) -> None:
        """Add the next frame's values, `[O, C, h, w]`."""
        self._values.append(values)

    def read(self, t: int, num_ref_frames: int) -> Tensor:
        """What the objects were where memory looks like frame `t`, float32 `[O, C, h, w]`."""
        seen = torch.stack(self._values, dim=2)  # [O, C, T', h, w]
        found = []
        for b, values in enumerate(torch.split(seen, self._counts)):
            frames = list(range(t))
            if t > num_ref_frames:
                frames = torch.randperm(t)[:num_ref_frames].tolist()
            found.append(self._read_clip(b, t, frames, values))
        return torch.cat(found).view(-1, *seen.shape[1:2], *seen.shape[3:])

    def _read_clip(self, b: int, t: int, frames: Sequence[int], values: Tensor) -> Tensor:
        at = list(frames)
        past = (maps[b, at].transpose(0, 1).flatten(1) for maps in (self._keys, self._shrinkage))
        key, shrinkage = (maps[None] for maps in past)  # [1, C, T' h w]
        query, selection = (m[b, t].flatten(1)[None] for m in (self._keys, self._selection))
        affinity = full_affinity(similarity(key, shrinkage, query, selection))
        return read_values(affinity, values[:, :, at].flatten(2).float())

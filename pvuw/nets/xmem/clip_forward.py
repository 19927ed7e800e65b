"""XMem's training forward: clips whose first masks are given, memory of a few frames."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from pvuw.nets.matching.affinity import full_affinity, read_values, similarity
from pvuw.nets.matching.competing import log_odds
from pvuw.nets.matching.framing import centred_padding, unpad
from pvuw.nets.matching.trunk import ImageFeatures
from pvuw.ops.images import normalize_images
from pvuw.types import MaskClip, VideoBatch

if TYPE_CHECKING:
    from pvuw.nets.xmem.net import XMem


@dataclass(frozen=True)
class XMemClips:
    """What the training forward draws at random."""

    num_reference_frames: int = 3
    """Memory frames each frame reads: the first, and others drawn among those before it."""
    deep_update_prob: float = 0.2
    """Share of frames after the first whose value also renews sensory memory."""

    def __post_init__(self) -> None:
        """Refuse values that have no meaning."""
        if self.num_reference_frames < 1:
            raise ValueError(
                f"clip.num_reference_frames must be at least 1, got {self.num_reference_frames}"
            )
        if not 0 <= self.deep_update_prob <= 1:
            raise ValueError(f"clip.deep_update_prob must be in 0..1, got {self.deep_update_prob}")


def forward_clip(net: "XMem", batch: VideoBatch, config: XMemClips) -> MaskClip:
    """Decode every frame of a batch of clips but the first, each from memory of those before it.

    Memory takes the network's own soft masks, and gradients flow back through them. Every frame
    reads all places of its reference frames; there is no top-k in training. Draws from torch's
    global generator.

    Args:
        net: The network.
        batch: Clips of at least two frames, of any size. Clips with fewer objects than others are
            filled up with empty slots, which weigh nothing.
        config: Reference frames and deep updates.

    Returns:
        No decoding of the first frame, whose masks are given, and one of every other.

    Raises:
        ValueError: If the batch has no object, or clips of one frame.
    """
    if not batch.object_to_clip:
        raise ValueError(f"no object in any clip of the batch ({', '.join(batch.video_ids)})")
    if batch.num_frames < 2:
        raise ValueError("clips of one frame leave none to predict: set clip.num_frames above 1")
    clip = _Clip(net, batch, config)
    clip.begin()
    return MaskClip({t: clip.step(t) for t in range(1, batch.num_frames)})


@dataclass
class _Clip:
    """One pass over a batch of clips; `N` is the most objects any of them has."""

    net: "XMem"
    batch: VideoBatch
    config: XMemClips
    values: list[Tensor] = field(default_factory=list)  # [B, N, V, h, w] of each frame so far
    sensory: Tensor | None = None

    def __post_init__(self) -> None:
        """Encode all frames of all clips at once."""
        images = normalize_images(self.batch.frames)
        self.padding = centred_padding((images.shape[-2], images.shape[-1]))
        images = functional.pad(images, self.padding)
        self.images = images.unbind(1)
        encoded = self.net.encode_images(images.flatten(0, 1))
        self.key, self.shrinkage, self.selection = (
            self._by_frame(maps) for maps in (encoded.key, encoded.shrinkage, encoded.selection)
        )
        scales = [self._by_frame(maps) for maps in encoded.features]
        self.features = [ImageFeatures(*maps) for maps in zip(*scales, strict=True)]
        counts = torch.tensor(self.batch.num_objects, device=images.device)
        slots = torch.arange(max(self.batch.num_objects), device=images.device)
        self.present = (slots < counts[:, None]).float()

    def _by_frame(self, maps: Tensor) -> tuple[Tensor, ...]:
        """Cut `[B * T, C, h, w]` into `T` maps `[B, C, h, w]`."""
        return maps.view(-1, self.batch.num_frames, *maps.shape[1:]).unbind(1)

    def begin(self) -> None:
        """Take the first frame's masks into memory."""
        masks = self.batch.masks[:, 0, : self.present.shape[1]]
        masks = functional.pad(masks.float() * self.present[..., None, None], self.padding)
        f16 = self.features[0].f16
        self.sensory = self.net.initial_sensory(f16, masks.shape[1])
        self._remember(0, masks, deep=True)

    def step(self, t: int) -> Tensor:
        """Log-odds `[O, H, W]` of frame `t`, which is remembered unless it is the last."""
        last = t == self.batch.num_frames - 1
        logits, self.sensory = self.net.segment(
            self.features[t], self._read(t), self.sensory, renew=not last, present=self.present
        )
        if not last:
            deep = torch.rand(()).item() < self.config.deep_update_prob
            self._remember(t, logits.softmax(1)[:, 1:], deep=deep)
        odds = unpad(log_odds(logits, dim=1), self.padding)
        real = [odds[b, :n] for b, n in enumerate(self.batch.num_objects)]
        return torch.cat(real)

    def _remember(self, t: int, masks: Tensor, *, deep: bool) -> None:
        value = self.net.encode_values(self.images[t], self.features[t].f16, masks)
        self.values.append(value)
        if deep:
            self.sensory = self.net.reinforce(value, self.sensory)

    def _read(self, t: int) -> Tensor:
        """What memory says of frame `t`, `[B, N, V, h, w]`."""
        chosen = [self._reference_frames(t) for _ in range(len(self.images[t]))]

        def memory(maps: tuple[Tensor, ...] | list[Tensor]) -> Tensor:
            """`[B, ..., frames * h * w]` of each clip's reference frames."""
            clips = [torch.stack([maps[u][b] for u in frames]) for b, frames in enumerate(chosen)]
            stacked = torch.stack(clips)  # [B, frames, ..., h, w]
            return stacked.movedim(1, -3).flatten(-3)

        affinity = full_affinity(
            similarity(
                memory(self.key),
                memory(self.shrinkage),
                self.key[t].flatten(2),
                self.selection[t].flatten(2),
            )
        )
        values = memory(self.values)
        read = read_values(affinity, values.flatten(1, 2))
        return read.view(*values.shape[:3], *self.key[t].shape[-2:])

    def _reference_frames(self, t: int) -> list[int]:
        """Frames that frame `t` of a clip reads: the first, and others drawn among the rest."""
        count = self.config.num_reference_frames
        if t <= count:
            return list(range(t))
        drawn = torch.randperm(t - 1)[: count - 1] + 1
        return [0, *drawn.tolist()]

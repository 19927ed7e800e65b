"""Temporal fusion: uncertain pixels of a frame listen to the frames around it."""

from collections import deque
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from pvuw.inference.scores import FrameScores, ScoreStream
from pvuw.inference.steps.base import ScoreStep
from pvuw.nets.flow import FlowConfig, FlowEstimator
from pvuw.ops.probabilities import log_odds, probabilities


class TemporalFusion(ScoreStep):
    """Mixes into each pixel's probability those of neighbouring frames, where it is uncertain.

    MASSeg's report ("DeepSegMa", https://arxiv.org/abs/2504.10254) ends its pipeline with "temporal
    fusion across frames" and defines nothing; this is our reading. With `p_s` the object's
    probability in frame `s` of the window, its confidence `c_s = |2 p_s - 1|` and
    `w_s = decay^|s - t| c_s`,

        q = sum_s w_s p_s / sum_s w_s        u = (1 - c_t)^sharpness        p_t' = (1 - u) p_t + u q

    A pixel the frame is sure of (`c_t` near 1) keeps its probability; one at 0.5 takes the
    neighbours' opinion. A window reaches `radius` frames to both sides, so output lags behind input
    by that many frames, and that many are in memory. An object counts in the frames that know it.

    Args:
        radius: Frames on either side.
        decay: Weight of a neighbour per frame of distance, 0..1.
        sharpness: Above 1 limits the mixing to the most uncertain pixels.
        flow: Warps neighbours onto the frame first, by RAFT with the weights it names; by default
            pixels are compared in place, which suits slow motion.
    """

    def __init__(
        self,
        radius: int = 2,
        *,
        decay: float = 0.7,
        sharpness: float = 1.0,
        flow: FlowConfig | None = None,
    ) -> None:
        if radius < 1:
            raise ValueError(f"TemporalFusion.radius must be at least 1, got {radius}")
        if not 0 < decay <= 1 or sharpness <= 0:
            raise ValueError(
                "TemporalFusion.decay must be in 0..1 and sharpness above 0, "
                f"got {decay} and {sharpness}"
            )
        self.radius = radius
        self.decay = decay
        self.sharpness = sharpness
        self.flow = None if flow is None else FlowEstimator(flow)

    def run(self, frames: ScoreStream) -> ScoreStream:
        """Frames with fused logits, `radius` frames behind the input."""
        window: deque[FrameScores] = deque(maxlen=2 * self.radius + 1)
        ahead = 0
        for scores in frames:
            window.append(scores)
            ahead += 1
            if ahead > self.radius:
                ahead -= 1
                yield self._fused(window, len(window) - 1 - self.radius)
        while ahead:
            yield self._fused(window, len(window) - ahead)
            ahead -= 1

    def _fused(self, window: Sequence[FrameScores], center: int) -> FrameScores:
        scores = window[center]
        if not scores.object_ids:
            return scores
        compete = scores.objects_compete
        now, background = probabilities(scores.mask_logits, objects_compete=compete)
        confidence = (2 * now - 1).abs()
        total, weights = confidence * now, confidence
        low, high = max(center - self.radius, 0), min(center + self.radius + 1, len(window))
        for position in range(low, high):
            if position != center:
                theirs, trust = self._neighbour(window[position], scores)
                weight = trust * self.decay ** abs(position - center)
                total, weights = total + weight * theirs, weights + weight
        fused = torch.where(weights > 0, total / weights.clamp(min=1e-12), now)
        mixed = torch.lerp(now, fused, (1 - confidence) ** self.sharpness)
        # Where the frame is sure its own logits stay, to the last bit.
        against = background if compete else 1 - mixed
        changed = log_odds(mixed, against)
        return scores.with_logits(torch.where(mixed == now, scores.mask_logits, changed))

    def _neighbour(self, other: FrameScores, scores: FrameScores) -> tuple[Tensor, Tensor]:
        """Probabilities and confidence of a neighbour in the slots of the centre, `[N, H, W]`."""
        theirs, _ = probabilities(other.mask_logits, objects_compete=other.objects_compete)
        slots = {object_id: slot for slot, object_id in enumerate(other.object_ids)}
        unknown = torch.full_like(scores.mask_logits[0], 0.5)
        known = torch.stack(
            [theirs[slots[i]] if i in slots else unknown for i in scores.object_ids]
        )
        if self.flow is not None:
            frames = scores.frame.to(known.device), other.frame.to(known.device)
            known = warp(known, self.flow.between(*frames).to(known))
        return known, (2 * known - 1).abs()


def warp(images: Tensor, flow: Tensor) -> Tensor:
    """Images sampled where the flow points, bilinear; 0.5 outside.

    Args:
        images: Probabilities, float `[N, H, W]`.
        flow: Displacement x, y in pixels from each target pixel, float `[2, H, W]`.

    Example:
        >>> row = torch.tensor([[[0.0, 1.0, 0.0]]])
        >>> warp(row, torch.stack([torch.ones(1, 3), torch.zeros(1, 3)])).tolist()
        [[[1.0, 0.0, 0.5]]]
    """
    height, width = images.shape[-2:]
    y, x = torch.meshgrid(
        torch.arange(height, device=flow.device, dtype=flow.dtype),
        torch.arange(width, device=flow.device, dtype=flow.dtype),
        indexing="ij",
    )
    grid = torch.stack(
        [(2 * (x + flow[0]) + 1) / width - 1, (2 * (y + flow[1]) + 1) / height - 1], dim=-1
    )
    # Shifted by half, what lies outside (zero) means 0.5.
    sampled = functional.grid_sample(
        (images - 0.5)[None], grid[None], mode="bilinear", align_corners=False
    )
    return sampled[0] + 0.5

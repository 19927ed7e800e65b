"""Cross-entropy and Dice of competing objects at sampled points, as Cutie and LiVOS train with."""

from collections.abc import Sequence
from functools import reduce
from operator import add
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from pvuw.losses.base import ClipLoss
from pvuw.types import AuxiliaryClip, MaskClip, VideoBatch

_INSIDE = 0.999
"""A point counts where all pixels around it have a truth."""


class PointTerms(NamedTuple):
    """The loss of a batch and its parts before weighting; a part nothing was said on is None."""

    total: Tensor
    """Scalar to call `backward` on."""
    ce: Tensor
    """Cross-entropy of the masks."""
    dice: Tensor
    """Dice of the masks."""
    sensory: Tensor | None
    """Cross-entropy plus Dice of the masks predicted from recurrent state."""
    query: Tensor | None
    """The same of those that the object transformer goes by, summed over its levels."""

    def log_values(self) -> dict[str, Tensor]:
        """Scalars to log, without gradient: `loss`, `loss_ce`, `loss_dice`, …."""
        parts = {
            "loss": self.total,
            "loss_ce": self.ce,
            "loss_dice": self.dice,
            "loss_sensory": self.sensory,
            "loss_query": self.query,
        }
        return {name: part.detach() for name, part in parts.items() if part is not None}


class PointSampledLoss(ClipLoss[MaskClip]):
    """Cross-entropy plus Dice over the objects of a clip, at points where they are in doubt.

    The objects of a clip compete: softmax over background and objects. Of `oversample_ratio` times
    the points, drawn uniformly, those are taken where the two best are nearest, up to
    `importance_ratio` of all; the rest is uniform (PointRend, Kirillov et al. 2020,
    https://arxiv.org/abs/1912.08193, section 3.1). Cross-entropy is the mean over points, Dice the
    mean over objects and leaves background out; both are summed over frames and averaged over
    clips. The masks a network went by count too, where it
    says them (Cutie, LiVOS). Defaults are those of Cutie's main training (Cheng et al. 2024,
    https://arxiv.org/abs/2310.12982, section 4.1).

    Args:
        num_points: Points per frame.
        oversample_ratio: Points drawn per point that is chosen for doubt.
        importance_ratio: Share of points chosen for doubt.
        sensory_weight: Weight of the masks predicted from recurrent state.
        query_weight: Weight of those the object transformer goes by.
    """

    judges = MaskClip

    def __init__(
        self,
        num_points: int = 12544,
        *,
        oversample_ratio: float = 3.0,
        importance_ratio: float = 0.75,
        sensory_weight: float = 0.01,
        query_weight: float = 0.01,
    ) -> None:
        super().__init__()
        if num_points < 1 or oversample_ratio < 1 or not 0 <= importance_ratio <= 1:
            raise ValueError(
                "need num_points >= 1, oversample_ratio >= 1 and importance_ratio in 0..1, got "
                f"{num_points}, {oversample_ratio} and {importance_ratio}"
            )
        self.num_points = num_points
        self.oversample_ratio = oversample_ratio
        self.importance_ratio = importance_ratio
        self.sensory_weight = sensory_weight
        self.query_weight = query_weight

    def forward(self, output: MaskClip, batch: VideoBatch) -> PointTerms:
        """Loss of a batch; see `ClipLoss.forward`. Draws points from torch's global generator."""
        with torch.autocast(batch.frames.device.type, enabled=False):
            clips = [self._clip(output, batch, b) for b, n in enumerate(batch.num_objects) if n]
        ce, dice, sensory, query = (_mean(parts) for parts in zip(*clips, strict=True))
        assert ce is not None
        assert dice is not None
        total = ce + dice
        if sensory is not None:
            total = total + self.sensory_weight * sensory
        if query is not None:
            total = total + self.query_weight * query
        return PointTerms(total, ce, dice, sensory, query)

    def _clip(
        self, output: MaskClip, batch: VideoBatch, b: int
    ) -> tuple[Tensor, Tensor, Tensor | None, Tensor | None]:
        """Unweighted parts of one clip: cross-entropy, Dice, sensory, query."""
        rows = [o for o, clip in enumerate(batch.object_to_clip) if clip == b]
        truth, valid = _truth(batch, b, list(output.mask_logits))
        masks = [logits[rows] for logits in output.mask_logits.values()]
        ce, dice = self._terms(masks, truth, valid)
        if not isinstance(output, AuxiliaryClip):
            return ce, dice, None, None
        sensory = [logits[rows] for logits in output.sensory_logits.values()]
        levels = [logits[rows] for logits in output.level_logits.values()]
        return (
            ce,
            dice,
            _sum(self._terms(sensory, truth, valid)),
            self._levels(levels, truth, valid),
        )

    def _levels(self, levels: Sequence[Tensor], truth: Tensor, valid: Tensor | None) -> Tensor:
        """Cross-entropy plus Dice of `[n, L, h, w]` per frame, summed over the levels."""
        terms = [
            _sum(self._terms([frame[:, level] for frame in levels], truth, valid))
            for level in range(levels[0].shape[1])
        ]
        return torch.stack(terms).sum()

    def _terms(
        self, frames: Sequence[Tensor], truth: Tensor, valid: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Cross-entropy and Dice of a clip's frames.

        Args:
            frames: Log-odds against background of each frame, `[n, h, w]`.
            truth: Background and objects, float `[T, 1 + n, H, W]` of 0 and 1.
            valid: Pixels that have a truth, float `[T, 1, H, W]` of 0 and 1.
        """
        objects = torch.stack(list(frames)).float()
        logits = functional.pad(objects, (0, 0, 0, 0, 1, 0))  # log-odds 0 of the background
        with torch.no_grad():
            points = self.draw_points(logits)
            labels = sample_at(truth, points)
            kept = labels.new_ones(len(labels), 1, 1)
            if valid is not None:
                kept = (sample_at(valid, points) > _INSIDE).float()
        sampled = sample_at(logits, points)
        ce = functional.cross_entropy(sampled, labels, reduction="none") * kept[:, 0]
        count = kept.expand(-1, -1, labels.shape[-1]).sum(-1).clamp(min=1)  # [T, 1]
        probs, labels = sampled.softmax(dim=1)[:, 1:] * kept, labels[:, 1:] * kept
        dice = 1 - (2 * (probs * labels).sum(-1) + 1) / (probs.sum(-1) + labels.sum(-1) + 1)
        return (ce.sum(-1) / count[:, 0]).sum(), dice.sum(0).mean()

    def draw_points(self, logits: Tensor) -> Tensor:
        """Points in the unit square, float `[T, num_points, 2]` as x and y.

        Args:
            logits: Background and objects, float `[T, 1 + n, h, w]`.
        """
        frames, device = len(logits), logits.device
        drawn = torch.rand(frames, int(self.num_points * self.oversample_ratio), 2, device=device)
        best = sample_at(logits, drawn).topk(2, dim=1).values
        in_doubt = int(self.importance_ratio * self.num_points)
        nearest = (best[:, 1] - best[:, 0]).topk(in_doubt, dim=1).indices
        chosen = drawn.gather(1, nearest[..., None].expand(-1, -1, 2))
        if in_doubt == self.num_points:
            return chosen
        rest = torch.rand(frames, self.num_points - in_doubt, 2, device=device)
        return torch.cat([chosen, rest], dim=1)


def sample_at(maps: Tensor, points: Tensor) -> Tensor:
    """Values of maps at points, bilinear with nothing outside: float `[T, C, P]`.

    Args:
        maps: Float `[T, C, h, w]`.
        points: x and y in the unit square whatever the maps' size, float `[T, P, 2]`.

    Example:
        >>> maps = torch.tensor([[[[0.0, 4.0]]]])
        >>> sample_at(maps, torch.tensor([[[0.25, 0.5], [0.5, 0.5]]]))
        tensor([[[0., 2.]]])
    """
    grid = 2 * points[:, :, None] - 1
    return functional.grid_sample(maps, grid, align_corners=False)[..., 0]


def _truth(batch: VideoBatch, b: int, frames: list[int]) -> tuple[Tensor, Tensor | None]:
    """Background and objects of a clip, `[T, 1 + n, H, W]`, and where they are known."""
    objects = batch.masks[b, frames, : batch.num_objects[b]]
    truth = torch.cat([~objects.any(dim=1, keepdim=True), objects], dim=1).float()
    if batch.void is None:
        return truth, None
    return truth, (~batch.void[b, frames])[:, None].float()


def _sum(terms: tuple[Tensor, Tensor]) -> Tensor:
    return terms[0] + terms[1]


def _mean(parts: Sequence[Tensor | None]) -> Tensor | None:
    """Mean over clips of a part that all have or none."""
    found = [part for part in parts if part is not None]
    return reduce(add, found) / len(found) if found else None

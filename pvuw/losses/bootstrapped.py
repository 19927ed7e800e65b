"""Cross-entropy of the hardest pixels plus Dice over competing objects, as XMem trains with."""

from functools import reduce
from operator import add
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from pvuw.losses.base import ClipLoss
from pvuw.types import MaskClip, VideoBatch


class BootstrappedTerms(NamedTuple):
    """The loss of a batch and its parts; `total` is their sum."""

    total: Tensor
    """Scalar to call `backward` on."""
    ce: Tensor
    """Cross-entropy of the pixels that count."""
    dice: Tensor
    """Dice of the objects."""
    hard_share: float
    """Share of pixels that count, 0..1."""

    def log_values(self) -> dict[str, Tensor]:
        """Scalars to log, without gradient: `loss`, `loss_ce`, `loss_dice`, `hard_share`."""
        return {
            "loss": self.total.detach(),
            "loss_ce": self.ce.detach(),
            "loss_dice": self.dice.detach(),
            "hard_share": torch.tensor(self.hard_share),
        }


class BootstrappedLoss(ClipLoss[MaskClip]):
    """Cross-entropy of the hardest pixels of each frame, plus Dice, with weight 1 each.

    The objects of a clip compete: softmax over background and objects. Cross-entropy is the mean
    over the pixels where it is highest: all of them for `start` batches, then a share that falls
    linearly to `hard_share` at batch `end`, and stays. It is averaged over clips, Dice over
    objects, and both are summed over frames. Defaults are those of XMem's training on video (Cheng
    and Schwing 2022, https://arxiv.org/abs/2207.07115, appendix; 107,000 batches of 8 clips).

    Batches seen are counted in training mode and kept in checkpoints (`loss.batches`), so that a
    resumed run goes on where it was.

    Args:
        start: Batches on which all pixels count.
        end: Batch from which on `hard_share` of them count.
        hard_share: Their share in the end, above 0 and at most 1.
    """

    judges = MaskClip
    batches: Tensor
    """Training batches seen, int64 scalar."""

    def __init__(self, start: int = 20_000, *, end: int = 70_000, hard_share: float = 0.15) -> None:
        super().__init__()
        if not 0 <= start <= end:
            raise ValueError(f"need 0 <= start <= end, got {start} and {end}")
        if not 0 < hard_share <= 1:
            raise ValueError(f"hard_share must be above 0 and at most 1, got {hard_share}")
        self.start = start
        self.end = end
        self.hard_share = hard_share
        self.register_buffer("batches", torch.zeros((), dtype=torch.int64))

    def share_at(self, batch: int) -> float:
        """Share of pixels that count on a batch, 0-based.

        Example:
            >>> loss = BootstrappedLoss(10, end=20, hard_share=0.5)
            >>> [loss.share_at(batch) for batch in (9, 10, 15, 20, 99)]
            [1.0, 1.0, 0.75, 0.5, 0.5]
        """
        if batch < self.start:
            return 1.0
        if batch >= self.end:
            return self.hard_share
        left = (self.end - batch) / (self.end - self.start)
        return self.hard_share + (1 - self.hard_share) * left

    def forward(self, output: MaskClip, batch: VideoBatch) -> BootstrappedTerms:
        """Loss of a batch; see `ClipLoss.forward`. Frames without a decoding do not count."""
        share = self.share_at(int(self.batches))
        if self.training:
            self.batches += 1
        with torch.autocast(batch.frames.device.type, enabled=False):
            frames = [
                _frame_terms(logits.float(), batch, t, share)
                for t, logits in output.mask_logits.items()
            ]
        ce, dice = (reduce(add, parts) for parts in zip(*frames, strict=True))
        return BootstrappedTerms(ce + dice, ce, dice, share)


def hardest_mean(losses: Tensor, share: float) -> Tensor:
    """Mean of the highest losses, a scalar; 0 where there is none.

    Args:
        losses: Float `[P]`.
        share: How many of them count, 0..1; rounded down, but one at least.

    Example:
        >>> hardest_mean(torch.tensor([1.0, 4.0, 2.0, 3.0]), 0.5).item()
        3.5
    """
    if not len(losses):
        return losses.sum()
    if share < 1:
        losses = losses.topk(max(int(len(losses) * share), 1), sorted=False).values
    return losses.mean()


def _frame_terms(
    mask_logits: Tensor, batch: VideoBatch, t: int, share: float
) -> tuple[Tensor, Tensor]:
    """Cross-entropy and Dice of one frame of all clips, each a scalar."""
    filled = [b for b, count in enumerate(batch.num_objects) if count]
    rows = torch.split(mask_logits, [batch.num_objects[b] for b in filled])
    clips = [_clip_terms(own, batch, b, t, share) for b, own in zip(filled, rows, strict=True)]
    ce = torch.stack([clip[0] for clip in clips]).mean()
    return ce, torch.cat([clip[1] for clip in clips]).mean()


def _clip_terms(
    mask_logits: Tensor, batch: VideoBatch, b: int, t: int, share: float
) -> tuple[Tensor, Tensor]:
    """Cross-entropy of one frame of one clip, a scalar, and Dice of its objects, `[N]`."""
    logits = functional.pad(mask_logits, (0, 0, 0, 0, 1, 0)).flatten(1)  # background: log-odds 0
    objects = batch.masks[b, t, : len(mask_logits)].flatten(1)  # [N, P]
    if batch.void is not None:
        known = ~batch.void[b, t].flatten()
        logits, objects = logits[:, known], objects[:, known]
    truth = torch.cat([~objects.any(0, keepdim=True), objects])
    classes = truth.int().argmax(0)
    pixels = functional.cross_entropy(logits.T, classes, reduction="none")
    probs = logits.softmax(0)[1:]
    overlap, total = 2 * (probs * objects).sum(1), probs.sum(1) + objects.sum(1)
    return hardest_mean(pixels, share), 1 - (overlap + 1) / (total + 1)

"""Hands the clips of an epoch out to processes, from wherever a run goes on."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from torch.utils.data import Dataset, DistributedSampler

from datamodules.clip_order import ClipOrder
from datamodules.clip_sampling import ClipKey


class StartPoint(NamedTuple):
    """Where training begins or continues."""

    epoch: int = 0
    batch: int = 0
    """Batches of that epoch already trained on."""


_BEGINNING = StartPoint()


class ClipSampler(DistributedSampler[ClipKey]):
    """Yields the clips of one process in training order.

    Process `r` of `W` takes every `W`-th clip from the `r`-th on, so a step trains on the same
    clips whether they come as `W` batches of `b` or as one of `W * b`. Clips at the end of an
    epoch's order that do not fill a batch of every process are dropped; the order differs each
    epoch.

    A `DistributedSampler` by type, which keeps Lightning from wrapping it in another one.

    Args:
        dataset: What the clips are taken from; its length is the number of clips of an epoch.
        order: The clips of every epoch, over all processes.
        batch_size: Clips of a batch of one process.
        rank: This process.
        world_size: Number of processes.
        start: Where a resumed run continues; that epoch's earlier batches are skipped.
        current_epoch: Tells the epoch whenever an iteration begins; default: what `set_epoch` got.
    """

    def __init__(
        self,
        dataset: Dataset[Any],
        order: ClipOrder,
        *,
        batch_size: int,
        rank: int = 0,
        world_size: int = 1,
        start: StartPoint = _BEGINNING,
        current_epoch: Callable[[], int] | None = None,
    ) -> None:
        super().__init__(
            dataset, num_replicas=world_size, rank=rank, seed=order.seed, drop_last=True
        )
        self.order = order
        self.batch_size = batch_size
        self.start = start
        self.current_epoch = current_epoch
        self.set_epoch(start.epoch)

    @property
    def clips_per_step(self) -> int:
        """Clips that all processes together train on at a time."""
        return self.batch_size * self.num_replicas

    def __len__(self) -> int:
        """Return the clips of a whole epoch of this process, whether resumed inside it or not."""
        return self.order.num_clips // self.clips_per_step * self.batch_size

    def __iter__(self) -> Iterator[ClipKey]:
        """Yield what is left of the current epoch."""
        epoch = self.epoch if self.current_epoch is None else self.current_epoch()
        # A run resumed from the last batch of an epoch is asked for the next one's clips while its
        # epoch counter still stands at the finished one.
        epoch = max(epoch, self.start.epoch)
        mine = self.order.keys(epoch, self.clips_per_step)[self.rank :: self.num_replicas]
        done = self.start.batch * self.batch_size if epoch == self.start.epoch else 0
        return iter(mine[done:])

"""Continuing a run in the middle of an epoch."""

from typing import Any

import lightning
from torch.utils.data import DataLoader

from datamodules.clip_sampler import ClipSampler, StartPoint
from datamodules.collate import ClipSample
from pvuw.errors import DataError


def start_point(trainer: lightning.Trainer) -> StartPoint:
    """Return the epoch training goes on with and how many of its batches are done.

    Lightning 2.6.6 asks for the loader after a checkpoint's counters are restored but before it has
    put them in order, so this reads them as they were saved.

    Args:
        trainer: At the time it asks for the training loader.
    """
    epochs: Any = trainer.fit_loop.epoch_progress.current
    batches: Any = trainer.fit_loop.epoch_loop.batch_progress.current
    is_last = trainer.fit_loop.epoch_loop.batch_progress.is_last_batch
    # `ready` is ahead of `processed` where a run was stopped inside a batch: it comes again.
    if is_last and batches.processed == batches.ready:
        return StartPoint(epochs.started, 0)
    return StartPoint(epochs.processed, batches.processed)


class ClipLoader(DataLoader[ClipSample]):
    """A training loader whose state in a checkpoint says which sequence of clips it was part of.

    The position itself is Lightning's batch count, which the data module turns into the sampler's
    start: what workers have read ahead does not count. Resuming inside an epoch with settings that
    give another sequence is an error, since clips would be repeated and left out.
    """

    def state_dict(self) -> dict[str, Any]:
        """Return what the order of clips depends on."""
        sampler = self.sampler
        if not isinstance(sampler, ClipSampler):  # Trainer.overfit_batches puts in its own
            return {}
        return {**sampler.order.identity(), "clips_per_step": sampler.clips_per_step}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Check that the checkpoint's sequence of clips is this loader's.

        Raises:
            DataError: If it is another one and the run continues inside an epoch.
        """
        sampler = self.sampler
        if not isinstance(sampler, ClipSampler) or sampler.start.batch == 0:
            return
        now = self.state_dict()
        changed = [
            f"{name} was {then}, is {now.get(name)}"
            for name, then in state_dict.items()
            if now.get(name) != then
        ]
        if changed:
            raise DataError(
                f"cannot continue inside epoch {sampler.start.epoch}: {'; '.join(changed)}; "
                "restore the data settings or continue from a checkpoint of the end of an epoch"
            )

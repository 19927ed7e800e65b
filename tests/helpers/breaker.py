"""A callback that makes one step of a run go wrong, as a bad clip or too high a rate does."""

from lightning.pytorch import Callback


class Breaker(Callback):
    """Makes the loss, or a gradient alone, not finite in one step of one process or of all."""

    def __init__(self, step: int, *, what: str = "loss", rank: int | None = None) -> None:
        self.step, self.what, self.rank = step, what, rank

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if trainer.global_step != self.step or self.rank not in (None, trainer.global_rank):
            return
        if self.what == "loss":
            handle = pl_module.loss.register_forward_hook(
                lambda module, args, terms: (
                    handle.remove(),
                    terms._replace(total=terms.total * float("nan")),
                )[1]
            )
        else:
            parameter = next(p for p in pl_module.parameters() if p.requires_grad)
            handle = parameter.register_hook(
                lambda gradient: (handle.remove(), gradient * float("inf"))[1]
            )

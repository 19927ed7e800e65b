"""A callback that does to a run what a machine does when it loses power."""

import os
import signal

from lightning.pytorch import Callback


class Killer(Callback):
    """Sends SIGKILL to its own process group before a given optimizer step is taken."""

    def __init__(self, before_step: int) -> None:
        self.before_step = before_step

    def on_train_batch_start(self, trainer, *args):
        if trainer.global_step == self.before_step:
            os.killpg(os.getpgid(0), signal.SIGKILL)

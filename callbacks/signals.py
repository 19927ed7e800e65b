"""SIGTERM as the command handles it, in a trainer that would handle it otherwise."""

import signal
import threading

from lightning.pytorch import Callback, LightningModule, Trainer


class KeepSignals(Callback):
    """Has SIGTERM do within the trainer's loops what it did when this was made.

    Lightning 2.6.6 puts its own handler there just before a loop starts: with several processes it
    waits for all of them to receive a broadcast, and otherwise for the end of a batch, which in
    prediction is a whole video; and a run that was stopped ends as if it were done.
    """

    def __init__(self) -> None:
        self._handler = signal.getsignal(signal.SIGTERM)

    def _keep(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Put the handler back; elsewhere than in the main thread Lightning has not touched it."""
        del trainer, pl_module
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self._handler)

    on_sanity_check_start = on_train_start = _keep
    on_validation_start = on_test_start = on_predict_start = _keep

"""Trains every recipe it is given for three steps; one of several processes that do.

Not a test: `test_several_processes.py` starts it. Prints a line of JSON per recipe: its status.
"""

import json
import traceback

import lightning

from pvuw.cli import main

_loss = {}


class Steps(lightning.Callback):
    """Notes how many steps were taken."""

    def on_train_end(self, trainer, pl_module):
        _loss["steps"] = trainer.global_step


def train(recipes):
    """Run `fit` for each of `[[name, arguments], …]` in turn, whatever became of the others."""
    for name, argv in json.loads(recipes):
        _loss.clear()
        try:
            status = main(argv)
        except BaseException:
            traceback.print_exc()
            status = -1
        print(json.dumps([name, status, _loss.get("steps")]), flush=True)

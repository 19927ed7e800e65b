"""Predicts in a forked child for each line of input, so that tests can kill it again and again."""

import os
import sys

import torch

from pvuw import lightning_cli  # imported before the fork, which is what takes seconds
from pvuw.cli import main


def run() -> None:
    torch.set_num_threads(1)
    assert lightning_cli
    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            output = os.open(os.devnull, os.O_WRONLY)
            os.dup2(output, 1)
            os.dup2(output, 2)
            os._exit(main(sys.argv[1:]))
        print(child, flush=True)
        os.waitpid(child, 0)
        print("ended", flush=True)


if __name__ == "__main__":
    run()

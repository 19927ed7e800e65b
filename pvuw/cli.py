"""The `pvuw` command: finds the sub-command and imports only what that one needs."""

import argparse
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Protocol, cast

from pvuw import __version__
from pvuw.command_line.plain import OneLineParser
from pvuw.command_line.short_forms import expand_predict
from pvuw.command_line.trainer_help import help_page, wants_page
from pvuw.errors import PvuwError, line_of, suggestion
from pvuw.stop import Stopped, is_first, is_part_of_another, stop_on_signals, stop_with_parent

TRAINER_COMMANDS = {
    "fit": "fine-tune a network from a recipe",
    "validate": "measure J&F of a checkpoint on the validation videos",
    "test": "the same on the test videos",
    "predict": "segment videos and write palette PNGs",
}
PLAIN_COMMANDS = {
    "evaluate": "score a folder of predictions: J, F, J&F",
    "ensemble": "make one answer of several networks' masks",
    "submit": "check predictions and pack them for an evaluation server",
    "report": "one page to look at predictions, worst first",
    "overlay": "draw masks on their video, as mp4",
    "sample": "generate MOSE-like videos with exact ground truth",
    "mose-plus": "build one training set from MOSE and videos like it",
    "weights": "inspect, fetch, export checkpoints",
    "augment-preview": "draw training clips before and after augmentation",
    "demo": "generate, fine-tune, predict, score and draw in a few minutes",
}
_EXAMPLES = """
examples:
  pvuw sample data/sample
  pvuw fit --config mose/sam2_nano.yaml --data.root data/sample --out runs/nano
  pvuw predict --config mose/sam2_nano.yaml --data.root data/sample --out runs/nano --ckpt_path best
  pvuw evaluate --gt data/sample/valid/GroundTruth --pred runs/nano/Annotations --protocol mose
  pvuw predict --images my/frames --masks my/masks --out my/result

'pvuw COMMAND --help' explains a command's options.
"""


class PlainCommand(Protocol):
    """What a module in `pvuw.commands` offers."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the command's options and its description."""

    def run(self, args: argparse.Namespace) -> int:
        """Do the work; the result is the exit status."""


def overview() -> str:
    """The text of `pvuw --help`."""
    width = max(map(len, [*TRAINER_COMMANDS, *PLAIN_COMMANDS]))

    def rows(commands: dict[str, str]) -> str:
        return "\n".join(f"  {name:{width}}  {what}" for name, what in commands.items())

    return (
        "usage: pvuw [--help] [--version] COMMAND ...\n\n"
        "Video object segmentation in the wild: train, predict, score.\n\n"
        f"from a recipe (--config FILE, see configs/):\n{rows(TRAINER_COMMANDS)}\n\n"
        f"tools:\n{rows(PLAIN_COMMANDS)}\n{_EXAMPLES}"
    )


def run_plain(name: str, argv: Sequence[str]) -> int:
    """Parse and run one of the plain commands; its exit status."""
    command = cast(PlainCommand, import_module(f"pvuw.commands.{name.replace('-', '_')}"))
    parser = OneLineParser(
        prog=f"pvuw {name}", formatter_class=argparse.RawDescriptionHelpFormatter
    )
    command.add_arguments(parser)
    return command.run(parser.parse_args(argv))


def run_trainer(name: str, words: Sequence[str]) -> int:
    """Run one of Lightning's commands, or print its help page; its exit status."""
    if wants_page(words):
        print(help_page(name), end="")
        return 0
    if name == "predict":
        words = expand_predict(words)
    if list(words[-2:]) == ["--help", "all"]:
        words = words[:-1]
    from pvuw.lightning_cli import run_trainer_command

    return run_trainer_command([name, *words])


def dispatch(argv: Sequence[str]) -> int:
    """Run what the command line asks for; its exit status."""
    if not argv or argv[0] in ("-h", "--help", "help"):
        print(overview(), end="")
        return 0
    if argv[0] in ("-V", "--version"):
        print(f"pvuw {__version__}")
        return 0
    if argv[0] in PLAIN_COMMANDS:
        return run_plain(argv[0], argv[1:])
    if argv[0] in TRAINER_COMMANDS:
        return run_trainer(argv[0], argv[1:])
    known = [*TRAINER_COMMANDS, *PLAIN_COMMANDS]
    alike = suggestion(argv[0], known, listed=0)
    there = f"there are {', '.join(known)}"
    raise PvuwError(f"no command {argv[0]!r}{alike} ({there}); see pvuw --help")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; exit status 0 is success, 1 a partly failed run, 2 a user's error.

    A run that a signal stopped ends with 128 and the signal's number, as in a shell.
    """
    stop_with_parent()
    try:
        with stop_on_signals():
            return dispatch(list(sys.argv[1:] if argv is None else argv))
    except (PvuwError, OSError) as error:
        if (line := line_of(error)) is None:
            raise
        # What several processes find before they are connected, all of them find.
        if is_first() or is_part_of_another():
            print(f"pvuw: error: {line}", file=sys.stderr)
        return 2
    except (Stopped, KeyboardInterrupt) as error:
        stopped = error if isinstance(error, Stopped) else Stopped(signal.SIGINT)
        if is_first():
            print(f"pvuw: {stopped}", file=sys.stderr)
        return stopped.status

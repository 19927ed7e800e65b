"""Every command README and the docs show is one the program accepts."""

import argparse
import re
import shlex
from importlib import import_module
from pathlib import Path

import pytest

from pvuw.cli import PLAIN_COMMANDS, TRAINER_COMMANDS
from pvuw.command_line.short_forms import expand_predict

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def shown_commands():
    """(page, words) of every `pvuw …` line in a code block, continuation lines joined."""
    for page in PAGES:
        # Blocks of other languages are matched as well, else the end of one would begin the next.
        for block in re.findall(r"```\w*\n(.*?)```", page.read_text(), re.S):
            for line in block.replace("\\\n", " ").splitlines():
                line = line.removeprefix("$ ")
                if line.startswith("pvuw ") and not re.search(r"…|\.\.\.|real_clips\.yaml", line):
                    words = shlex.split(line, comments=True)
                    yield pytest.param(words[1:], id=f"{page.stem}: {' '.join(words)[:70]}")


def test_readme_shows_commands_and_stays_short():
    assert len(list(shown_commands())) >= 6
    assert len(PAGES[0].read_text().splitlines()) < 250


@pytest.mark.parametrize("words", shown_commands())
def test_shown_command_parses(words, tmp_path):
    if words[0] in TRAINER_COMMANDS:
        from tests.helpers.cli import parse

        parse(words[0], *(expand_predict(words[1:]) if words[0] == "predict" else words[1:]))
        return
    assert words[0] in PLAIN_COMMANDS, f"no command {words[0]}"
    parser = argparse.ArgumentParser()
    import_module(f"pvuw.commands.{words[0].replace('-', '_')}").add_arguments(parser)
    if "--help" not in words:
        parser.parse_args(words[1:])


def test_pages_named_in_readme_exist():
    named = set(re.findall(r"`(docs/[\w-]+\.md|[A-Z]+\.md)`", PAGES[0].read_text()))
    assert named
    assert not [name for name in named if not (ROOT / name).is_file()]

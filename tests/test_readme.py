"""Every command README and the docs show is one the program accepts."""

import argparse
import re
import shlex
from importlib import import_module
from pathlib import Path

import pytest
import torch

from pvuw.cli import PLAIN_COMMANDS, TRAINER_COMMANDS
from pvuw.command_line.short_forms import expand_predict
from pvuw.types import MaskPrompt

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


def test_snippet_of_readme_follows_objects_added_later():
    """The Python of README as it stands, on a clip whose truth is known."""
    (snippet,) = re.findall(r"```python\n(.*?)```", PAGES[0].read_text(), re.S)
    assert len([line for line in snippet.splitlines() if line.strip()]) <= 10
    generator = torch.Generator().manual_seed(0)
    ground = torch.randint(20, 60, (3, 192, 256), generator=generator, dtype=torch.uint8)
    frames, truth = [], []
    for position in range(4):
        ids = torch.zeros(192, 256, dtype=torch.uint8)
        ids[20:80, 20 + 4 * position : 80 + 4 * position] = 1
        ids[110:170, 160 - 4 * position : 220 - 4 * position] = 2
        colours = torch.tensor([[0, 0, 0], [230, 120, 40], [40, 200, 90]], dtype=torch.uint8)
        frames.append(torch.where(ids > 0, colours[ids.long()].movedim(-1, 0), ground))
        truth.append(ids)
    prompts = {0: MaskPrompt([1], (truth[0] == 1)[None]), 2: MaskPrompt([2], (truth[2] == 2)[None])}
    names = {"frames": frames, "prompts": prompts}
    exec(compile(snippet, "README.md", "exec"), names)
    assert names["id_map"].dtype == torch.uint8
    assert set(names["sure"]) == {1, 2}
    assert min(names["sure"].values()) > 0.5
    for object_id in (1, 2):
        found, there = names["id_map"] == object_id, truth[-1] == object_id
        assert (found & there).sum() / (found | there).sum() > 0.7

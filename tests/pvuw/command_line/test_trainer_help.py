import re
import shlex

import pytest

from pvuw.cli import TRAINER_COMMANDS, main
from pvuw.command_line.short_forms import expand_predict
from pvuw.command_line.trainer_help import help_page, wants_page
from tests.helpers.cli import parse


@pytest.mark.parametrize("command", TRAINER_COMMANDS)
def test_page_is_short_and_its_examples_parse(command, capsys):
    assert main([command, "--help"]) == 0
    page = capsys.readouterr().out
    assert page == help_page(command)
    assert len(page.splitlines()) < 40
    examples = re.findall(rf"^  pvuw {command} (.*)$", page, re.M)
    assert examples
    for example in examples:
        words = shlex.split(example)
        parse(command, *(expand_predict(words) if command == "predict" else words))


@pytest.mark.parametrize("command", TRAINER_COMMANDS)
def test_options_of_the_page_exist(command, capsys):
    """Those of the parser itself by its full help, those of classes by the classes' own."""
    page = help_page(command)
    named = set(re.findall(r"^  --([\w.]+)", page, re.M)) - {"images", "masks", "net", "weights"}
    with pytest.raises(SystemExit) as done:
        main([command, "--help", "all"])
    assert done.value.code == 0
    known = capsys.readouterr().out
    for help_of in re.findall(r"--((?:data|model)[\w.]*\.help \w+)", page):
        with pytest.raises(SystemExit) as done:
            main([command, *f"--{help_of}".split()])
        assert done.value.code == 0
        known += capsys.readouterr().out
    assert not [o for o in named if not re.search(rf"--[\w.]*\b{o.rpartition('.')[2]} ", known)]


def test_help_all_is_every_option():
    assert wants_page(["--config", "x", "-h"])
    assert not wants_page(["--help", "all"])
    assert not wants_page(["--data.help", "MOSEDataModule"])

"""Mistakes with the commands that have no recipe, and in the YAML some of them read."""

import pytest

from pvuw.cli import PLAIN_COMMANDS, main

MISTAKES = {
    "evaluate --gtt x --pred y": ("--gtt: no such option, did you mean --gt?", "see pvuw evaluate"),
    "evaluate --gt x --pred y --protocol mosse": (
        "must be one of davis2017, mose",
        "did you mean mose?",
    ),
    "evaluate --gt x --pred y --protocol=mosse": (
        "must be one of davis2017, mose",
        "did you mean mose?",
    ),
    "evaluate --gt x": ("--pred, --protocol", "see pvuw evaluate --help"),
    "evaluate --gt x --pred y --protocol mose --workers two": ("--workers", "'two'"),
    "ensemble fuze --pred x": ("fuze", "did you mean fuse?", "see pvuw ensemble --help"),
    "ensemble fuse --pred x --ot y": ("--ot:", "did you mean --out?", "see pvuw ensemble fuse"),
    "ensemble fuse --pred x --out y extra=1 --weigt a=1": ("--weigt:", "did you mean --weight?"),
    "weights fetsh x": ("fetsh", "did you mean fetch?"),
    "weights fetch sam2.1_tinny": ("sam2.1_tinny", "did you mean sam2.1_tiny?"),
    "submit --images x --pred y --formt mose": ("--formt:", "did you mean --format?"),
    "mose-plus verfy x": ("verfy", "did you mean verify?"),
    "report --imges x": ("--imges:", "did you mean --images?"),
    "sample": ("the following arguments are required", "see pvuw sample --help"),
    "overlay --images x --prd y": ("--prd:", "did you mean --pred?"),
    "augment-preview --preset deepsegmaa": ("sam2_mose", "did you mean deepsegma?"),
    "demo --ot x": ("--ot:", "did you mean --out?"),
    "fitt": ("'fitt'", "did you mean fit?", "see pvuw --help"),
}


def one_line(capsys, argv):
    assert main(argv) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("pvuw: error: ")
    return lines[0]


@pytest.mark.parametrize("words", MISTAKES)
def test_mistake_is_one_line(words, capsys):
    line = one_line(capsys, words.split())
    for part in MISTAKES[words]:
        assert part in line


def test_every_plain_command_is_tried():
    assert {words.split()[0] for words in MISTAKES} >= {*PLAIN_COMMANDS}


def test_yaml_of_mose_plus(tmp_path, capsys):
    path = tmp_path / "plus.yaml"
    path.write_text("sources:\n- {source: mose, root: x, refernce: true}\n")
    line = one_line(capsys, ["mose-plus", "--config", str(path), "--out", "o"])
    assert f"{path}: sources" in line
    assert "refernce: unknown key; did you mean reference?" in line


def test_yaml_of_an_ensemble(tmp_path, capsys):
    path = tmp_path / "mine.yaml"
    path.write_text("members:\n  a: {confg: x.yaml}\n")
    line = one_line(capsys, ["ensemble", "--config", str(path)])
    assert f"{path}: members.a" in line
    assert "did you mean config?" in line


def test_yaml_that_is_nowhere(capsys):
    line = one_line(capsys, ["mose-plus", "--config", "data/mose_pluss.yaml", "--out", "o"])
    assert "did you mean data/mose_plus.yaml?" in line

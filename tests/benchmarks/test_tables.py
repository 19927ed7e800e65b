"""Tables of README and docs/ are made of benchmarks/results; older weights are said to be so."""

import argparse
import json

import pytest

from benchmarks import results, tables
from benchmarks.results import Run, Table

BLOCKS = [(page, name) for page in tables.PAGES for name in tables.named(page.read_text())]


def test_every_table_is_made_from_its_data(capsys):
    """Also fails where the weights that ship have changed since: their line then says otherwise."""
    assert len(BLOCKS) > 20
    assert tables.main(["--check"]) == 0, capsys.readouterr().err


def test_a_page_with_a_table_says_what_it_was_measured_with():
    for page, name in BLOCKS:
        assert (page, name.partition("/")[0]) in BLOCKS, f"{page}: {name}"


def test_all_data_are_shown_and_whole():
    shown = {name.partition("/")[0] for _, name in BLOCKS}
    assert {file.stem for file in tables.FOLDER.glob("*.json")} == shown
    for name in shown:
        content = tables.read(name)
        told = ("command", "date", "hardware", "versions", "commit", "settings", "weights")
        assert not [key for key in told if key not in content], name
        assert "dirty" not in content["commit"], f"{name}: which code measured it is not known"
        for table in content["tables"].values():
            assert tables.markdown(table).count("\n") == 2 + len(table["rows"])


@pytest.fixture
def page(tmp_path, monkeypatch):
    """A page with one table and its data, in folders of their own."""
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    monkeypatch.setattr(tables, "FOLDER", tmp_path)
    page = tmp_path / "page.md"
    page.write_text(
        "before\n<!-- figures: one/t -->\n<!-- end -->\nand\n<!-- figures: one -->\n<!-- end -->\n"
    )
    monkeypatch.setattr(tables, "PAGES", [page])
    monkeypatch.setattr(tables, "ROOT", tmp_path)
    run = Run("one", argparse.Namespace(save=True, frames=3), "numpy", weights=["sam2_nano"])
    rows = [["a", 0.5, [0.25, 0.1, 0.4]], ["b", None, "not measured"]]
    run.save({"t": Table(("", "J", "J&F"), rows, ("{}", "{:.2f}", "{:.3f} [{:.3f}, {:.3f}]"))})
    return page


def test_saved_figures_come_into_the_page(page):
    assert tables.main(["--check"]) == 1
    assert tables.main(["--write"]) == 0
    assert tables.main(["--check"]) == 0
    text = page.read_text()
    assert (
        "before\n<!-- figures: one/t -->\n| | J | J&F |\n| --- | --- | --- |\n"
        "| a | 0.50 | 0.250 [0.100, 0.400] |\n| b | | not measured |\n<!-- end -->\nand\n" in text
    )
    assert "Older weights" not in text
    saved = json.loads((page.parent / "one.json").read_text())
    assert saved["settings"] == {"frames": 3}
    assert saved["tables"]["t"]["rows"][0] == ["a", 0.5, [0.25, 0.1, 0.4]]


@pytest.mark.parametrize("change", [("0.50", "0.51"), ("0.400]", "0.401]")])
def test_a_table_that_differs_is_noticed(page, capsys, change):
    tables.main(["--write"])
    page.write_text(page.read_text().replace(*change))
    assert tables.main(["--check"]) == 1
    assert "page.md: differs from its data" in capsys.readouterr().err


def test_other_weights_than_those_that_ship_are_noticed(page, monkeypatch, tmp_path):
    tables.main(["--write"])
    other = tmp_path / "other.safetensors"
    other.write_bytes(b"new weights")
    monkeypatch.setattr(tables, "shipped_weights", lambda net: other)
    assert tables.main(["--check"]) == 1
    tables.main(["--write"])
    assert "**Older weights** of sam2_nano than those that ship." in page.read_text()


def test_nothing_is_kept_unless_it_is_asked_for(page):
    Run("two", argparse.Namespace(save=False)).save({})
    assert not (page.parent / "two.json").exists()

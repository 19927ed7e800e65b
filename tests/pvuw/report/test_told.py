"""The page about sentences, as a person would use it."""

import json

import numpy as np
import pytest

from pvuw.cli import main
from tests.pvuw.report.browsing import pixel, watched
from tests.pvuw.report.test_page import Page
from tests.pvuw.report.told import FRAMES, SENTENCES, write_told


def report(root, *options, out="other.html"):
    split = root / "valid_u"
    words = ["--images", split / "JPEGImages", "--pred", root / "runs/new", "--workers", 1]
    return main(["report", *map(str, [*words, "--out", root / out, *options])])


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_told(tmp_path_factory.mktemp("told"))


@pytest.fixture(scope="module")
def page_file(root):
    assert (
        report(root, "--gt", root / "valid_u", "--against", root / "runs/old", out="told.html") == 0
    )
    return root / "told.html"


def test_scores_are_those_of_evaluate(root, page_file, capsys):
    words = ["--gt", root / "valid_u", "--pred", root / "runs/new", "--protocol", "mevis"]
    assert main(["evaluate", *map(str, [*words, "--workers", 1])]) == 0
    score = float(capsys.readouterr().out.splitlines()[-1].split()[1])
    page = Page(page_file.read_text())
    assert f"<dd>{score:.4f}</dd>" in page_file.read_text()
    rows = page.tables["videos-table"][1:]
    assert [row[0] for row in rows] == [
        "both <squares>v/1", "the square that moves rightv/0", "the round onev/2",
    ]  # fmt: skip
    assert [row[-1] for row in rows] == [
        "several targets, up to 6 words, no motion words",
        "one target, up to 6 words, motion words",
        "no target, up to 6 words, no motion words",
    ]  # fmt: skip
    assert "objects-table" not in page.tables


def test_pictures_of_a_video_are_there_once(page_file):
    blocks = Page(page_file.read_text()).blocks
    assert set(blocks) == {"frames=v", *(f"video=v%2F{number}" for number in SENTENCES)}
    assert len(blocks["frames=v"]) == FRAMES
    assert all(blocks[f"video=v%2F{number}"]["pictures"] is None for number in SENTENCES)


def test_sentences_without_truth_are_shown_and_not_scored(root, capsys):
    assert report(root, "--text", root / "valid_u/meta_expressions.json") == 0
    rows = Page((root / "other.html").read_text()).tables["videos-table"]
    assert rows[0] == ["Sentence", "Largest, new", "Frames", "Kind"]
    assert len(rows) == 1 + len(SENTENCES)
    (root / "asked.txt").write_text("v\tthe square that moves right\n")
    assert report(root, "--text", root / "asked.txt") == 0
    assert "1 sentences, 6 pictures" in capsys.readouterr().out
    assert report(root, "--text", "all", "--gt", root / "valid_u") == 2
    assert "says what was asked; leave out --text" in capsys.readouterr().err


def test_frames_that_differ_are_one_line(root, tmp_path, capsys):
    write_told(tmp_path)
    meta = tmp_path / "valid_u/meta_expressions.json"
    content = json.loads(meta.read_text())
    content["videos"]["v"]["frames"][0] = "99999"
    meta.write_text(json.dumps(content))
    assert report(tmp_path, "--gt", tmp_path / "valid_u") == 1
    assert "has no frame 99999" in capsys.readouterr().err


@pytest.fixture
def page(browser, page_file):
    yield from watched(browser, page_file)


@pytest.mark.slow
def test_sentences_are_found_and_opened(page):
    names = page.locator("#videos-table tbody tr:not([hidden]) th")
    page.fill("#search", "MOVES right")
    assert names.all_inner_texts() == ["the square that moves right\nv/0"]
    page.fill("#search", "")
    page.select_option("#bucket", "no target")
    assert names.all_inner_texts() == ["the round one\nv/2"]
    assert page.inner_text("#count") == "1 sentences"
    page.select_option("#bucket", "")
    sizes = page.evaluate(
        "[...document.querySelectorAll('td.worst img')].map((i) => [i.complete, i.naturalWidth])"
    )
    assert sizes == [[True, 131]] * 3  # two of 64 pixels and a gap of 3
    page.click("td.worst a >> nth=0")  # opens at the worst moment: the one with most to see
    page.wait_for_selector("#viewer[data-drawn='00003']")
    assert page.inner_text("#title") == "v/1"
    assert page.inner_text("#sentence") == "both <squares>"
    assert page.locator("#toggles").is_hidden()
    missed, ground = (46, 36), (2, 44)
    shown = [pixel(page, panel, *missed) - pixel(page, panel, *ground) for panel in range(3)]
    assert abs(shown[0]).max() < 10
    assert shown[1][0] - shown[1][1] > 30
    np.testing.assert_array_equal(shown[1], shown[2])
    page.click("#next")
    page.wait_for_selector("#viewer[data-drawn='00000']")
    assert page.inner_text("#sentence") == SENTENCES["0"][0]

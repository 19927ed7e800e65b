"""The page as text; tests/pvuw/report/test_browser.py looks at it as a person does."""

import json
import re
from html.parser import HTMLParser

import pytest

from pvuw.report.entry import EntryTask
from pvuw.report.page import write_report
from tests.pvuw.report.make import queries, settings, write_folders


class Page(HTMLParser):
    """Rows of both tables, data blocks, and every tag."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.tags, self.tables, self.blocks = [], {}, {}
        self._table = self._block = self._cell = None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.tags.append((tag, attributes))
        if tag == "table":
            self._table = self.tables.setdefault(attributes.get("id", attributes.get("class")), [])
        elif tag == "tr":
            self._table.append([])
        elif tag in ("td", "th"):
            self._table[-1].append("")
            self._cell = True
        elif tag == "script" and "id" in attributes:
            self._block = attributes["id"]

    def handle_endtag(self, tag):
        self._cell = None if tag in ("td", "th") else self._cell
        self._block = None if tag == "script" else self._block

    def handle_data(self, data):
        if self._block:
            self.blocks[self._block] = json.loads(data)
        elif self._cell:
            self._table[-1][-1] += data


@pytest.fixture
def root(tmp_path):
    return write_folders(tmp_path)


def write(root, **options):
    chosen = settings(root, **options)
    tasks = [EntryTask((query,), chosen) for query in queries(root).values()]
    size = write_report(root / "report.html", tasks, chosen)
    text = (root / "report.html").read_text(encoding="utf-8")
    return size, Page(text), text


def test_tables_are_worst_first(root):
    size, page, text = write(root)
    rows = page.tables["videos-table"][1:]
    assert [row[0] for row in rows] == ["bad", "<odd> name", "good"]
    assert [row[2] for row in rows] == sorted(row[2] for row in rows)
    assert rows[2][2:5] == ["1.0000", "1.0000", "1.0000"]
    assert rows[0][6].startswith("-")
    objects = page.tables["objects-table"][1:]
    assert [objects[0][column] for column in (0, 2)] == ["<odd> name", "3"]
    assert [float(row[3]) for row in objects] == sorted(float(row[3]) for row in objects)
    assert size.num_bytes == len(text.encode())
    assert size.num_pictures == 15


def test_every_video_has_its_block_and_nothing_is_loaded(root):
    _, page, text = write(root)
    assert set(page.blocks) == {"video=bad", "video=good", "video=%3Codd%3E%20name"}
    assert page.blocks["video=%3Codd%3E%20name"]["id"] == "<odd> name"
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text)
    assert not [a for t, a in page.tags if t in ("link", "iframe")]
    assert all(a["src"].startswith("data:image/webp;") for t, a in page.tags if "src" in a)
    links = [a["href"] for t, a in page.tags if t == "a"]
    assert {link.removeprefix("#").partition("@")[0] for link in links} == set(page.blocks)


def test_problems_are_listed(root):
    (root / "JPEGImages/good/00000.jpg").write_bytes(b"")
    size, page, text = write(root)
    assert len([line for video in size.videos for line in video.problems]) == 1
    assert "video=good" not in page.blocks
    assert page.tables["videos-table"][-1][0] == "good cannot be shown"
    assert "<h2>Problems</h2>" in text


def test_without_truth_scores_are_agreement(root):
    _, page, text = write(root, truth=False)
    assert "agreement with old" in text
    assert len(page.tables["videos-table"][0]) == 8
    assert page.tables["videos-table"][1][0] == "bad"


def test_with_nothing_to_compare_there_are_no_scores(root):
    _, page, text = write(root, truth=False, sides=("new",))
    assert "nothing is scored" in text
    titles = ["Video", "Largest, new", "Objects", "Frames", "Lowest object"]
    assert page.tables["videos-table"][0] == titles


def test_failure_leaves_the_old_page(root, monkeypatch):
    (root / "report.html").write_text("old")

    def full(*args, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("jinja2.environment.TemplateStream.dump", full)
    with pytest.raises(OSError, match="No space"):
        write(root)
    assert (root / "report.html").read_text() == "old"
    assert [file.name for file in root.glob(".*")] == []


def test_same_bytes_with_several_processes(root):
    chosen = settings(root)
    tasks = [EntryTask((query,), chosen) for query in queries(root).values()]
    for workers in (1, 2):
        write_report(root / f"{workers}.html", tasks, chosen, workers=workers)
    assert (root / "1.html").read_bytes() == (root / "2.html").read_bytes()


def test_only_the_worst_rows_have_pictures(root, monkeypatch):
    monkeypatch.setattr("pvuw.report.page.THUMBS_MOST", 1)
    _, page, _ = write(root)
    assert sum(tag == "img" for tag, _ in page.tags) == 2  # one in each table

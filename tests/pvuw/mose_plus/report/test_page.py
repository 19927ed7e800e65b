"""The page of a build: read back as a browser would, number by number."""

import html
import json
import re
import shutil
import subprocess
import time
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from pvuw.errors import DataError
from pvuw.mose_plus.build.manifest import read_info, read_manifest, write_info, write_manifest
from pvuw.mose_plus.config import EvaluationConfig, TraitWeight
from pvuw.mose_plus.report import charts
from pvuw.mose_plus.report.charts import Histogram, Spread, bin_edges, histogram, plot
from pvuw.mose_plus.report.page import write_build_report
from pvuw.pages.page import page_template
from pvuw.traits.video_traits import TRAIT_KINDS
from tests.helpers.chromium import require_chromium
from tests.helpers.noise import printed
from tests.pvuw.mose_plus.report_make import COPY_ID, LICENCES, ODD_ID, write_build

ONE_TRAIT = {"weights": {"similarity": TraitWeight(weight=1.0)}, "min_reference": 2}


class Page(HTMLParser):
    """Cells of every table by section, attributes of every tag."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.section, self.rows, self.ids = [], None, {}, []
        self._cell = None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.tags.append((tag, attributes))
        self.ids += [attributes["id"]] if "id" in attributes else []
        if tag == "section":
            self.section = attributes["id"]
            self.rows[self.section] = []
        elif tag == "tr":
            self.rows[self.section].append([])
        elif tag in ("td", "th"):
            self._cell = []
            self.rows[self.section][-1].append(self._cell)
        elif tag == "small" and self._cell is not None:
            self._cell.append(" | ")

    def handle_endtag(self, tag):
        if tag in ("td", "th", "tr", "table"):
            self._cell = None

    def handle_data(self, data):
        if self._cell is not None:
            self._cell.append(data)

    def table(self, section):
        """Rows of a section's table without the head, cells as text."""
        return [["".join(cell) for cell in row] for row in self.rows[section]][1:]


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    root = tmp_path_factory.mktemp("report") / "MOSE+"
    write_build(root)
    write_build_report(root, root / "report.html")
    return root


@pytest.fixture(scope="module")
def entries(build):
    return read_manifest(build)


@pytest.fixture(scope="module")
def text(build):
    return (build / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(text):
    return Page(text)


def number(cell):
    return float(cell.replace(",", ""))


def test_every_video_has_its_row_with_the_numbers_of_the_manifest(page, entries):
    rows = page.table("all")
    assert len(rows) == len(entries) == 81
    for row, entry in zip(rows, entries, strict=True):
        decision, source, name, frames, objects, distance, _, reason = row
        taken = "reference" if entry.reference else "admitted"
        assert decision == (taken if entry.admitted else "refused")
        assert source == entry.source
        assert name.split(" | ")[0] == entry.video_id
        assert reason == entry.reason
        if entry.built is not None:
            assert name.split(" | ")[1] == entry.built.video_id
            assert (number(frames), number(objects)) == (3, 3)
        if entry.distance is None:
            assert distance == "\N{EN DASH}"
        else:
            assert number(distance) == pytest.approx(entry.distance, abs=printed(2))


def test_largest_differences_are_named_with_their_direction(page, entries, build):
    ranges = read_info(build).ranges
    row, entry = next(
        (row, entry)
        for row, entry in zip(page.table("all"), entries, strict=True)
        if entry.source == "davis_2017" and entry.distances.get("bor_mean", 0) > 0.5
    )
    low = entry.traits.bor_mean < ranges["bor_mean"].low
    arrow = "\N{BLACK DOWN-POINTING TRIANGLE}" if low else "\N{BLACK UP-POINTING TRIANGLE}"
    largest = sorted(entry.distances.values(), reverse=True)[:3]
    shown = [float(value) for value in re.findall(r"(\d\.\d)(?=\D|$)", row[6])]
    assert shown == [pytest.approx(value, abs=1.01 * printed(1)) for value in largest if value > 0]
    if entry.distances["bor_mean"] in largest:
        assert f"{arrow} box occlusion, mean" in row[6]


def test_table_of_sources_adds_up(page, entries):
    rows = page.table("sources")
    assert [row[0].split(" | ")[0] for row in rows] == [*LICENCES, "all"]
    for row in rows:
        name = row[0].split(" | ")[0]
        chosen = [e for e in entries if name in (e.source, "all")]
        admitted = sum(e.admitted for e in chosen)
        assert [number(row[i]) for i in (1, 2, 3, 5, 7)] == [
            len(chosen),
            admitted,
            len(chosen) - admitted,
            3 * admitted,
            3 * admitted,
        ]
    assert [row[4] for row in rows] == ["0", "1", "0", "2", "3"]  # planted in write_build


def test_totals_stand_in_the_head(text, entries):
    head = text[: text.index("<nav>")]
    admitted = sum(e.admitted for e in entries)
    figures = re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", head)
    assert [value for _, value in figures] == [
        str(n) for n in (admitted, 3 * admitted, 3 * admitted, 9 * admitted, 4, 1)
    ]
    assert figures[0][0] == f"videos of {len(entries)} looked at"


def test_refusals_are_grouped_and_each_real_reason_has_a_group(page, entries):
    counts = {row[0].split(" | ")[0]: int(row[1]) for row in page.table("refusals")}
    assert sum(counts.values()) == sum(not e.admitted for e in entries)
    assert "other" not in counts
    prefixes = {"too short": "too short", "unsure masks": "unsure", "too few objects": "too few o"}
    for title, prefix in prefixes.items():
        assert counts[title] == sum(e.reason.startswith(prefix) for e in entries) > 0
    assert counts["could not be read"] == counts["evaluation video or copy of one"] == 1


@pytest.mark.parametrize(
    ("setting", "title"),
    [
        ({"max_distance": 0.1}, "too unlike MOSE"),
        ({"max_videos": 2}, "limit in all reached"),
        (ONE_TRAIT, "too few traits measurable"),
    ],
)
def test_reasons_of_selection_have_groups(tmp_path, setting, title):
    write_build(tmp_path, per_source=16, **setting)
    write_build_report(tmp_path, tmp_path / "page.html")
    page = Page((tmp_path / "page.html").read_text(encoding="utf-8"))
    titles = [row[0].split(" | ")[0] for row in page.table("refusals")]
    assert title in titles
    assert "other" not in titles


def test_copies_name_their_twin(page):
    found = {row[0].split(" / ")[1]: (row[1], row[2]) for row in page.table("copies")}
    assert found[COPY_ID][0] == "mose / mose-0002"
    assert found[COPY_ID][1].startswith("90% of the frames match")
    assert found["mose-0001"] == ("mose / mose-0001", "same id")


def test_licences_say_what_they_ask_for(page, text, entries):
    rows = {row[0]: row for row in page.table("licences")}
    counts = Counter(e.licence for e in entries if e.admitted)
    assert {licence: number(row[2]) for licence, row in rows.items()} == counts
    assert "No commercial use" in rows[LICENCES["mose"]][4]
    assert "copyright notice" in rows["BSD 3-Clause"][4]
    assert "non-commercial research only, because part of it is" in text


def test_drawings_hold_the_counts_of_each_group(text, entries):
    labels = re.findall(r'aria-label="([^"]*)"', text)
    compared = [e for e in entries if e.source == "burst" and e.duplicate_of is None]
    admitted = sum(e.admitted for e in compared)
    assert (
        f"box occlusion, mean: {admitted} admitted and {len(compared) - admitted} refused videos "
        "against 20 of MOSE" in labels
    )


def test_sources_without_a_compared_video_are_named_not_drawn(tmp_path):
    write_build(tmp_path, per_source=12)
    entries = read_manifest(tmp_path)
    kept = [e for e in entries if e.source != "burst" or e.duplicate_of is not None]
    write_manifest(tmp_path, kept)
    write_build_report(tmp_path, tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Nothing to compare in: burst." in text
    assert [cell.split(" | ")[0] for cell in _head(text, "traits")] == [
        "Trait",
        "davis_2017",
        "ovis",
    ]


def test_values_beyond_the_drawing_fall_into_the_last_bin():
    edges = bin_edges([*range(100), 10_000], floor=1.0)
    assert edges[-1] < 200
    assert sum(histogram([*range(100), 10_000], edges).counts) == 101
    assert histogram([10_000], edges).counts[-1] == 1
    assert len(bin_edges([2.0, 2.0], floor=0.5)) > 2  # all the same: no narrower than the floor


def test_few_videos_are_dots_and_many_are_bars():
    edges = (0.0, 1.0, 2.0)
    few, many, none = Histogram((3, 0)), Histogram((0, 12)), Histogram((0, 0))
    template = page_template(Path(charts.__file__).parent, "spread.svg")
    shown = plot(Spread(edges, many, few, none), TRAIT_KINDS["motion"], None)
    drawing = template.module.drawing(shown)
    assert drawing.count('<circle class="a"') == 3
    assert '<rect class="a"' not in drawing
    assert drawing.count('<rect class="m"') == 1
    assert "1 and more\nMOSE: 12 of 12 (100%)\nadmitted: 0 of 3 (0%)" in drawing


def _head(text, section):
    return ["".join(cell) for cell in Page(text).rows[section][0]]


def test_a_build_without_evaluation_lists_says_so_at_the_top(build, text, tmp_path):
    assert "are judged by" not in text
    info = read_info(build)
    careless = replace(info.config, evaluation=EvaluationConfig(mose=("none",)))
    shutil.copy(build / "manifest.jsonl", tmp_path)
    write_info(tmp_path, replace(info, config=careless))
    (tmp_path / "train").symlink_to(build / "train")
    (tmp_path / "valid").symlink_to(build / "valid")
    write_build_report(tmp_path, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert page.index("evaluation.mose: none") < page.index("<nav>")
    assert "evaluation.davis: none" not in page[: page.index("<nav>")]


def test_settings_and_evaluation_lists_are_shown(page, text):
    assert page.table("settings") == [["davis_2017_val", "1"]]
    assert '"min_mask_score": 0.7' in html.unescape(text)


def test_odd_ids_are_escaped_and_links_lead_somewhere(page, text):
    assert ODD_ID not in text
    assert html.unescape(text).count(ODD_ID) >= 1
    targets = {a["href"][1:] for tag, a in page.tags if tag == "a"}
    assert targets <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))


def test_nothing_is_loaded_from_anywhere(page, text):
    sources = [a["src"] for _, a in page.tags if "src" in a]
    assert len(sources) > 30
    assert all(source.startswith("data:image/jpeg;base64,") for source in sources)
    assert not [tag for tag, _ in page.tags if tag in ("link", "iframe", "object", "base")]
    assert all(a["href"].startswith("#") for tag, a in page.tags if tag == "a")
    assert not re.search(r"https?:|url\(|@import|fetch\(", text)
    policy = next(a["content"] for tag, a in page.tags if "http-equiv" in a)
    assert policy.startswith("default-src 'none'")


def test_page_is_the_same_twice_and_leaves_nothing_beside_it(build, text, tmp_path):
    write_build_report(build, tmp_path / "again.html")
    assert (tmp_path / "again.html").read_text(encoding="utf-8") == text
    assert [file.name for file in tmp_path.iterdir()] == ["again.html"]


def test_missing_frame_is_named_and_an_old_page_stays(tmp_path):
    write_build(tmp_path / "build", per_source=6)
    entry = next(e for e in read_manifest(tmp_path / "build") if e.admitted)
    (entry.built.frames_dir(tmp_path / "build") / "00000.jpg").unlink()
    out = tmp_path / "report.html"
    out.write_text("old")
    with pytest.raises(DataError, match=r"00000\.jpg: no such file"):
        write_build_report(tmp_path / "build", out)
    assert out.read_text() == "old"


def test_a_folder_that_is_no_build_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"manifest\.jsonl: no such file"):
        write_build_report(tmp_path, tmp_path / "report.html")


def test_build_without_admitted_videos_still_gives_a_page(build, tmp_path):
    shutil.copy(build / "build.json", tmp_path)
    write_manifest(tmp_path, [e for e in read_manifest(build) if not e.admitted])
    write_build_report(tmp_path, tmp_path / "report.html")
    assert "<dd>0</dd>" in (tmp_path / "report.html").read_text()


def test_a_thousand_videos_fit_in_ten_seconds_and_ten_megabytes(tmp_path):
    write_build(tmp_path, per_source=250)
    start = time.process_time()
    write_build_report(tmp_path, tmp_path / "report.html")
    assert time.process_time() - start < 10
    assert (tmp_path / "report.html").stat().st_size < 10_000_000


USE = """
const head = [...document.querySelectorAll("#videos thead button")];
const shown = () => [...document.querySelectorAll("#videos tbody tr:not([hidden])")];
const texts = (column) => shown().map((row) => row.cells[column].textContent);
head[5].click(); head[5].click();
const distances = texts(5);
const [decision, source] = document.querySelectorAll("#filters select");
decision.value = "refused"; decision.dispatchEvent(new Event("input"));
source.value = "ovis"; source.dispatchEvent(new Event("input"));
document.body.textContent = JSON.stringify({distances, left: texts(2)});
"""


def test_table_sorts_and_filters_in_a_browser(text, entries, tmp_path):
    page = tmp_path / "used.html"
    page.write_text(text.replace("</body>", f"<script>{USE}</script></body>"), encoding="utf-8")
    command = [require_chromium(), "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic"]
    command += ["--no-first-run", "--disable-background-networking", "--disable-component-update"]
    command += ["--disable-sync", f"--user-data-dir={tmp_path}", "--enable-logging=stderr"]
    command += ["--dump-dom", f"file://{page}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert "CONSOLE" not in done.stderr  # a script error, or something the policy forbids
    found = json.loads(html.unescape(re.search(r"<body>(.*)</body>", done.stdout, re.S)[1]))
    known = sorted((e.distance for e in entries if e.distance is not None), reverse=True)
    assert found["distances"][: len(known)] == [f"{value:.2f}" for value in known]
    assert set(found["distances"][len(known) :]) == {"\N{EN DASH}"}
    refused = {e.video_id for e in entries if e.source == "ovis" and not e.admitted}
    assert set(found["left"]) == refused

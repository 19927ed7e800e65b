import re
from dataclasses import replace

import pytest

from pvuw.report.entry import EntryTask
from pvuw.report.members.tables import sum_up_members
from pvuw.report.page import write_report
from tests.pvuw.report.make import entry_of
from tests.pvuw.report.members.make import settings, the_query, write_ensemble


@pytest.fixture
def root(tmp_path):
    return write_ensemble(tmp_path)


def summary_of(root, **options):
    made = settings(root, **options)
    return entry_of(the_query(root), made).summary, made


def rows_of(root, made, section):
    """Cells of each row of a section of the page, titles first, tags taken out."""
    write_report(root / "page.html", [EntryTask((the_query(root),), made)], made)
    page = (root / "page.html").read_text(encoding="utf-8")
    html = re.search(rf'<section id="{section}">.*?</section>', page, re.DOTALL)[0]
    cells = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL) for row in html.split("<tr")]
    return [[re.sub(r"<.*?>", "", cell).strip() for cell in row] for row in cells if row]


def test_a_video_says_whom_it_follows_and_what_that_gained(root):
    summary, made = summary_of(root)
    cells = dict(zip(*rows_of(root, made, "videos"), strict=True))
    assert cells["Followed"] == "loses 50 %, still 44 %, swaps 6 %"
    best = summary.ensemble.scores.best
    assert cells["Best member"] == f"loses {best.jf:.4f}"
    assert cells["Gain on it"] == f"+{1 - best.jf:.4f}"
    assert cells["Gain on mean"] == f"+{1 - summary.ensemble.scores.mean:.4f}"


def test_members_are_summed_up_over_videos(root):
    summary, made = summary_of(root)
    table = sum_up_members([summary, summary], made)
    lines = {line.name: line for line in table.lines}
    assert (lines["loses"].share_followed, lines["loses"].num_videos) == (0.5, 2)
    # object 9 in 4 of 16 frames, of two objects
    assert (lines["loses"].overruled, lines["loses"].silent) == (0.125, 0)
    assert lines["still"].silent == 4
    assert table.answer is None  # a member lacks masks: nobody's scores can be compared
    assert table.left_out == 2


def test_scores_are_over_objects_that_all_have(root):
    summary, made = summary_of(root, names=("swaps", "loses"))
    rows = {row[0]: row[1:] for row in rows_of(root, made, "members")}
    scores = summary.ensemble.scores
    assert rows["the answer"][-3:] == ["1.0000"] * 3
    assert rows["swaps"][-3] == f"{scores.members[0].jf:.4f}"
    assert rows["best member of each video"][-3] == f"{scores.best.jf:.4f}"


def test_without_truth_there_are_no_scores(root):
    titles, cells = rows_of(root, settings(root, truth=False), "videos")
    assert titles[-3:] == ["Followed", "Agreement", "Contested"]
    assert len(cells) == len(titles)


def test_without_members_nothing_is_said(root):
    made = replace(settings(root), ensemble=None)
    summary = entry_of(the_query(root), made).summary
    assert sum_up_members([summary], made) is None
    titles, cells = rows_of(root, made, "videos")
    assert titles[-1] == "Lowest object"
    assert len(cells) == len(titles)

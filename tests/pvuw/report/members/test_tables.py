import re
from dataclasses import replace

import pytest

from pvuw.report.entry import EntryTask, make_entry
from pvuw.report.members.tables import member_cells, member_columns, member_section
from tests.pvuw.report.members.make import settings, the_video, write_ensemble


@pytest.fixture
def root(tmp_path):
    return write_ensemble(tmp_path)


def summary_of(root, **options):
    made = settings(root, **options)
    return make_entry(EntryTask(the_video(root), made)).summary, made


def rows(html):
    plain = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in html.split("<tr>")]
    return {cells[0]: cells[1:] for cells in plain if cells}


def test_a_video_says_whom_it_follows_and_what_that_gained(root):
    summary, made = summary_of(root)
    columns = member_columns([summary], made)
    cells = dict(zip([title for title, _ in columns], member_cells(summary, columns), strict=True))
    assert cells["Followed"] == "loses 50 %, still 44 %, swaps 6 %"
    best = summary.ensemble.scores.best
    assert cells["Best member"] == f"loses {best.jf:.4f}"
    assert cells["Gain on it"] == f"+{1 - best.jf:.4f}"
    assert cells["Gain on mean"] == f"+{1 - summary.ensemble.scores.mean:.4f}"


def test_members_are_summed_up_over_videos(root):
    summary, made = summary_of(root)
    table = rows(member_section([summary, summary], made))
    assert table["loses"][:1] == ["50 % of frames, 2 videos"]
    assert table["loses"][2:4] == ["12.5 %", "0"]  # object 9 in 4 of 16 frames, of two objects
    assert table["still"][3] == "4"
    assert len(table["still"]) == 4  # a member lacks masks: nobody's scores can be compared


def test_scores_are_over_objects_that_all_have(root):
    made = settings(root, names=("swaps", "loses"))
    summary = make_entry(EntryTask(the_video(root), made)).summary
    table = rows(member_section([summary], made))
    scores = summary.ensemble.scores
    assert table["<b>the answer</b>"][-3:] == ["1.0000"] * 3
    assert table["swaps"][-3] == f"{scores.members[0].jf:.4f}"
    assert table["best member of each video"][-3] == f"{scores.best.jf:.4f}"


def test_without_truth_there_are_no_scores(root):
    summary, made = summary_of(root, truth=False)
    titles = [title for title, _ in member_columns([summary], made)]
    assert titles == ["Followed", "Agreement", "Contested"]
    assert len(member_cells(summary, member_columns([summary], made))) == 3


def test_without_members_nothing_is_said(root):
    made = replace(settings(root), ensemble=None)
    summary = make_entry(EntryTask(the_video(root), made)).summary
    assert member_section([summary], made) == ""
    assert member_columns([summary], made) == []

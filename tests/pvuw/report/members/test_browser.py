"""An ensemble's members on the page in a real browser, driven as a person would.

Object 9 is at 66..78 x 24..36 in the first frame and moves 2 pixels to the left in each.
"""

from dataclasses import replace

import numpy as np
import pytest

from pvuw.report.entry import EntryTask
from pvuw.report.page import write_report
from tests.pvuw.report.browsing import (
    open_video,
    pixel,
    redrawn,
    set_slider,
    watched,
)
from tests.pvuw.report.members import make as members

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    root = members.write_ensemble(tmp_path_factory.mktemp("ensemble"))
    chosen = replace(members.settings(root), max_side=80, frames_per_video=16)
    write_report(root / "report.html", [EntryTask((members.the_query(root),), chosen)], chosen)
    return root / "report.html"


@pytest.fixture
def page(browser, report):
    yield from watched(browser, report)


def test_members_are_beside_the_answer_and_the_slider_changes_them(page):
    open_video(page, "v")
    assert page.locator("#strip figure b").all_inner_texts() == list(members.NAMES)
    inside, ground = (52, 30), (70, 42)
    assert page.locator("#strip canvas").count() == 3
    set_slider(page, 10)
    page.wait_for_selector("#viewer[data-drawn='00010']")
    shown = [pixel(page, m, *inside, "#strip canvas") for m in range(3)]
    here = [pixel(page, m, *ground, "#strip canvas") for m in range(3)]
    assert all(abs(a - b).max() > 20 for a, b in zip(shown, here, strict=True))
    np.testing.assert_array_equal(shown[1], pixel(page, 0, *inside))  # ids are put right
    page.focus("#slider")
    for _ in range(2):
        page.keyboard.press("ArrowRight")
    page.wait_for_selector("#viewer[data-drawn='00012']")
    lost = pixel(page, 2, *inside, "#strip canvas") - pixel(page, 2, *ground, "#strip canvas")
    assert abs(lost).max() < 10
    captions = page.locator("#strip figcaption").all_inner_texts()
    assert [text.split("IoU ")[1] for text in captions][1:] == ["1.000", "0.500"]


def test_the_chosen_member_is_named_frame_by_frame(page):
    open_video(page, "v")
    tags = "#strip figure:nth-child({}) .tag"
    assert page.locator(tags.format(1)).all_inner_texts() == ["followed on 3"]
    assert page.locator(tags.format(3)).all_inner_texts() == ["followed on 9"]
    assert page.locator("#following .label b").all_inner_texts() == ["still", "loses"]
    set_slider(page, 4)
    page.wait_for_selector("#viewer[data-drawn='00004']")
    assert page.locator(tags.format(1)).all_inner_texts() == ["silent"]
    assert page.locator(tags.format(2)).all_inner_texts() == ["followed on 3"]
    assert page.locator("#following .label b").all_inner_texts() == ["swaps", "loses"]
    set_slider(page, 13)
    page.wait_for_selector("#viewer[data-drawn='00013']")
    assert page.locator(tags.format(2)).all_inner_texts() == ["3 and 9 exchanged, put right"]
    assert page.locator(tags.format(3)).all_inner_texts() == ["followed on 9", "overruled on 9"]
    told = page.inner_text("#choices").split("\n")
    assert [line.split("\t") for line in told] == [
        ["object 3", "still", "agrees most"],
        ["object 9", "loses", "agrees most"],
    ]
    assert "J&F of the answer 1.000" in page.inner_text("#scores")


def test_the_agreement_map_lights_up_where_members_differ(page):
    open_video(page, "v")
    set_slider(page, 13)
    page.wait_for_selector("#viewer[data-drawn='00013']")
    contested, agreed = pixel(page, 2, 46, 30), pixel(page, 2, 70, 42)
    assert agreed.max() - agreed.min() < 8  # a dimmed, gray picture
    assert contested.max() - contested.min() > 60
    assert page.inner_text("#agreement figcaption").startswith("agreement · contested ")
    scale = page.locator("#agreement .scale span").all_inner_texts()
    assert scale == ["all 3", "2", "1", "0"]
    colours = page.evaluate(
        """() => [...document.querySelectorAll('#agreement .scale .key')]
          .map((key) => getComputedStyle(key).backgroundColor.match(/\\d+/g).map(Number))"""
    )
    light = [np.dot(colour[:3], [0.2126, 0.7152, 0.0722]) for colour in colours]
    assert light == sorted(light)


def test_objects_bands_and_regions_lead_where_they_should(page):
    open_video(page, "v")
    loses = "svg[data-curve=agreement] path.m2"
    before = page.get_attribute(loses, "d")
    redrawn(page, page.uncheck, "#toggles input[data-object='9']")
    assert page.get_attribute(loses, "d") != before  # object 3 alone was never lost
    assert page.locator("#strip figcaption").nth(2).inner_text().endswith("1.000")
    redrawn(page, page.click, "#all")
    bands = page.locator("#following .band")
    assert bands.count() == 2
    width = bands.first.bounding_box()["width"]
    bands.first.click(position={"x": 0.28 * width, "y": 5})
    page.wait_for_selector("#viewer[data-drawn='00004']")
    page.click("#regions button >> nth=0")
    page.wait_for_function("Number(document.getElementById('viewer').dataset.drawn) >= 12")
    page.click("#close")
    assert page.locator("canvas").count() == 0
    assert page.locator("#ensemble").is_hidden()


def test_videos_are_filtered_by_the_member_that_is_followed(page):
    page.select_option("#leader", "still")
    rows = page.locator("#videos-table tbody tr:not([hidden]) th")
    assert rows.all_inner_texts() == ["v"]
    assert page.locator("#members th[scope=row]").all_inner_texts()[:3] == list(members.NAMES)

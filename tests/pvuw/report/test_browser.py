"""The page in a real browser, driven as a person would."""

import numpy as np
import pytest
from PIL import Image

from pvuw.report.entry import EntryTask
from pvuw.report.page import write_report
from tests.pvuw.report.browsing import (
    open_video,
    pixel,
    redrawn,
    set_slider,
    watched,
)
from tests.pvuw.report.make import queries, settings, write_folders

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    root = write_folders(tmp_path_factory.mktemp("report"))
    chosen = settings(root, max_side=64)
    tasks = [EntryTask((query,), chosen) for query in queries(root).values()]
    write_report(root / "report.html", tasks, chosen)
    return root / "report.html"


@pytest.fixture
def page(browser, report):
    yield from watched(browser, report)


def names(page, table="videos"):
    return page.locator(f"#{table}-table tbody tr:not([hidden]) th").all_inner_texts()


def test_overview_is_worst_first_and_sorts_by_click(page):
    assert names(page) == ["bad", "<odd> name", "good"]
    page.click("#videos-table th button:text-is('Video')")
    assert names(page) == ["<odd> name", "bad", "good"]
    page.click("#videos-table th button:text-is('J&F')")
    assert names(page) == ["bad", "<odd> name", "good"]
    page.click("#videos-table th button:text-is('J&F')")
    assert names(page) == ["good", "<odd> name", "bad"]


def test_slider_moves_through_the_frames(page, tmp_path):
    open_video(page, "bad")
    assert page.inner_text("#frame") == "00000, 1 of 8"
    before = pixel(page, 1, 1, 1)
    page.focus("#slider")
    page.keyboard.press("ArrowRight")
    page.wait_for_selector("#viewer[data-drawn='00002']")
    assert page.inner_text("#frame") == "00002, 3 of 8"
    np.testing.assert_allclose(pixel(page, 1, 1, 1) - before, 20, atol=4)  # ten a frame
    assert "J 1.000 F 1.000" in page.inner_text("#panels figure:nth-child(1)")
    set_slider(page, 4)
    page.wait_for_selector("#viewer[data-drawn='00007']")
    assert page.get_attribute("#timelines .cursor >> nth=0", "x1") == "7.5"
    picture = tmp_path / "page.png"
    page.screenshot(path=picture)
    with Image.open(picture) as image:
        assert image.size == (1300, 1000)
        assert len(image.convert("RGB").getcolors(1300 * 1000)) > 50


def test_two_predictions_and_the_truth_are_side_by_side(page):
    open_video(page, "bad")
    assert page.locator("#panels canvas").count() == 3
    set_slider(page, 3)
    page.wait_for_selector("#viewer[data-drawn='00005']")
    inside, ground = (14, 28), (1, 40)
    right = [pixel(page, panel, *inside) - pixel(page, panel, *ground) for panel in range(3)]
    assert abs(right[0]).max() < 10  # the new run has lost the object here
    assert right[1][0] - right[1][1] > 30  # red on gray
    np.testing.assert_array_equal(right[1], right[2])
    captions = page.locator("#panels figcaption").all_inner_texts()
    assert captions[0].startswith("new · J 0.000")
    assert captions[1].startswith("old · J 1.000")
    assert captions[2] == "truth"


def test_objects_are_switched_off_and_on(page):
    open_video(page, "good")
    shown = pixel(page, 0, 14, 28)
    other = pixel(page, 0, 46, 10)
    redrawn(page, page.uncheck, "#toggles input[data-object='1']")
    assert abs(pixel(page, 0, 14, 28) - pixel(page, 0, 1, 40)).max() < 10
    np.testing.assert_array_equal(pixel(page, 0, 46, 10), other)
    assert page.locator("path[data-object='1']:visible").count() == 0
    assert page.locator("path[data-object='3']:visible").count() > 0
    redrawn(page, page.click, "#none")
    assert page.locator("#timelines path:visible").count() == 0
    redrawn(page, page.click, "#all")
    np.testing.assert_array_equal(pixel(page, 0, 14, 28), shown)


def test_click_on_a_timeline_goes_to_the_nearest_picture(page):
    open_video(page, "bad")
    timeline = page.locator("svg[data-curve=j]")
    timeline.click(position={"x": 0.68 * timeline.bounding_box()["width"], "y": 20})
    page.wait_for_selector("#viewer[data-drawn='00005']")


def test_filters_hide_rows_of_both_tables(page):
    page.fill("#search", "odd")
    assert names(page) == ["<odd> name"]
    assert set(names(page, "objects")) == {"<odd> name"}
    page.fill("#search", "")
    page.fill("#below", "0.6")
    assert "good" not in names(page)
    page.fill("#below", "")
    page.select_option("#compared", "worse than old")
    assert names(page) == ["bad"]
    page.select_option("#compared", "")
    page.check("#leaves")
    assert all(
        text == "3"
        for text in page.locator(
            "#objects-table tbody tr:not([hidden]) td:nth-child(3)"
        ).all_inner_texts()
    )
    assert page.inner_text("#count") == "3 videos, 3 objects"


def test_only_the_open_video_is_read_and_it_is_let_go(page):
    page.evaluate(
        """() => {
          const parse = JSON.parse;
          window.parsed = 0;
          JSON.parse = (text) => { window.parsed += 1; return parse(text); };
        }"""
    )
    assert page.locator("canvas").count() == 0
    open_video(page, "bad")
    assert page.evaluate("window.parsed") == 1
    page.click("#next")
    page.wait_for_function("document.getElementById('title').textContent === '<odd> name'")
    page.wait_for_selector("#viewer[data-drawn='00000']")
    assert page.evaluate("window.parsed") == 2
    page.click("#previous")
    page.wait_for_function("document.getElementById('title').textContent === 'bad'")
    page.click("#close")
    page.wait_for_selector("#viewer", state="hidden")
    assert page.locator("canvas").count() == 0


def test_address_opens_a_video(browser, report):
    page = browser.new_page()
    page.goto(f"{report.as_uri()}#video=%3Codd%3E%20name")
    page.wait_for_selector("#viewer[data-drawn='00000']")
    assert page.inner_text("#title") == "<odd> name"
    page.close()


def test_a_page_without_members_shows_none(page):
    open_video(page, "bad")
    assert page.locator("#ensemble").is_hidden()
    assert page.locator("#leader").count() == 0

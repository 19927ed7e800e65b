"""A page of the report in a real browser, driven as a person would."""

import numpy as np


def watched(browser, report):
    """The opened page; any message on its console or request beyond the file fails the test."""
    opened = browser.new_page(viewport={"width": 1300, "height": 1000})
    said, asked = [], []
    opened.on("console", lambda message: said.append(message.text))
    opened.on("pageerror", lambda error: said.append(str(error)))
    opened.on("request", lambda request: asked.append(request.url))
    opened.goto(report.as_uri())
    yield opened
    opened.close()
    # What the browser says about these tests reading pixels back does not count.
    assert [line for line in said if "willReadFrequently" not in line] == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []


def open_video(page, name):
    page.click(f"#videos-table a:text-is('{name}')")
    page.wait_for_selector("#viewer[data-drawn='00000']")


def set_slider(page, pick):
    page.evaluate(
        """(pick) => {
          const slider = document.getElementById('slider');
          slider.value = pick;
          slider.dispatchEvent(new Event('input'));
        }""",
        pick,
    )


def redrawn(page, action, *arguments):
    """Do something that draws the panels again, and wait until it has."""
    before = page.get_attribute("#viewer", "data-turn")
    action(*arguments)
    page.wait_for_function(f"document.getElementById('viewer').dataset.turn !== '{before}'")


def pixel(page, panel, x, y, among="#panels canvas"):
    """Colour of a canvas, by default a panel's, `[3]`."""
    values = page.evaluate(
        """([among, panel, x, y]) => [...document.querySelectorAll(among)[panel]
          .getContext('2d').getImageData(x, y, 1, 1).data]""",
        [among, panel, x, y],
    )
    return np.array(values[:3])

"""One browser for each file of tests."""

from importlib import import_module

import pytest

from tests.helpers.chromium import must_be_there, require_chromium


@pytest.fixture(scope="module")
def browser():
    chromium = require_chromium()
    if must_be_there():
        playwright = import_module("playwright.sync_api")
    else:
        playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    with playwright.sync_playwright() as api:
        started = api.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield started
        started.close()

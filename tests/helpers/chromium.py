"""The browser of the page tests: Debian's `chromium`, found on the path.

Without one these tests are skipped, with a line that says so. Where the environment says `CI=true`
they fail instead, so that no change goes in untried; `.ci/run` installs it.
"""

import os
import shutil

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
_REASON = "needs Chromium on the path (Debian, Ubuntu: apt-get install chromium)"


def must_be_there():
    """Whether a browser that is missing is a failure."""
    return os.environ.get("CI", "").lower() == "true"


def require_chromium():
    """The path of the browser; without one the test is skipped, in CI it fails."""
    if CHROMIUM is None:
        (pytest.fail if must_be_there() else pytest.skip)(_REASON)
    return CHROMIUM

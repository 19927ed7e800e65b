import pytest

from tests.helpers import chromium


@pytest.mark.parametrize(("ci", "outcome"), [("true", "Failed"), ("", "Skipped"), ("0", "Skipped")])
def test_a_missing_browser_skips_here_and_fails_in_ci(ci, outcome, monkeypatch):
    monkeypatch.setattr(chromium, "CHROMIUM", None)
    monkeypatch.setenv("CI", ci)
    with pytest.raises(BaseException, match="apt-get install chromium") as raised:
        chromium.require_chromium()
    assert type(raised.value).__name__ == outcome


def test_a_browser_that_is_there_is_used(monkeypatch):
    monkeypatch.setattr(chromium, "CHROMIUM", "/usr/bin/chromium")
    assert chromium.require_chromium() == "/usr/bin/chromium"

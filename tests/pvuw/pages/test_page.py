from html.parser import HTMLParser

import pytest
from jinja2 import UndefinedError

from pvuw.pages.page import page_template

PAGE = """{% extends "base.html" %}
{% from "macros.html" import table_head, totals %}
{% block main %}{{ totals([(3|number, words)]) }}<table>{{ table_head([words, "n"], numeric=(1,)) }}
</table>{% endblock %}
{% block script %}{{ text_of("own.js") }}{% endblock %}
"""


@pytest.fixture
def template(tmp_path):
    (tmp_path / "page.html").write_text(PAGE)
    (tmp_path / "own.css").write_text("p > b { color: red }")
    (tmp_path / "own.js").write_text("let own = 1 < 2;")
    return page_template(tmp_path, "page.html")


def test_page_is_whole_and_escapes_what_it_shows(template):
    page = template.render(title="a < b", styles=["own.css"], words="<i>\"&'")
    tags, texts = [], []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attributes: tags.append((tag, dict(attributes)))
    parser.handle_data = texts.append
    parser.feed(page)
    assert [tag for tag, _ in tags][:2] == ["html", "head"]
    assert "a < b" in texts
    assert texts.count("<i>\"&'") == 2
    assert "i" not in {tag for tag, _ in tags}
    policy = next(a["content"] for t, a in tags if a.get("http-equiv"))
    assert policy.startswith("default-src 'none'")
    assert page.index("--paper") < page.index("p > b { color: red }")
    assert page.index("const sortable") < page.index("let own = 1 < 2;")
    assert not [a for t, a in tags if t in ("link", "iframe") or "src" in a]
    assert [a.get("class") for t, a in tags if t == "th"] == [None, "n"]


def test_a_name_that_is_not_given_is_an_error_not_a_gap(template):
    with pytest.raises(UndefinedError, match="words"):
        template.render(title="a", styles=[])

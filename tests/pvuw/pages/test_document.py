from html.parser import HTMLParser

from pvuw.pages.document import page_head, page_tail


def test_page_is_whole_and_escapes_its_title():
    page = page_head("a < b", style="p { color: red }") + "<p>" + page_tail(script="let own = 1;")
    parser = HTMLParser()
    tags = []
    parser.handle_starttag = lambda tag, attributes: tags.append((tag, dict(attributes)))
    parser.feed(page)
    assert [tag for tag, _ in tags][:2] == ["html", "head"]
    assert "<title>a &lt; b</title>" in page
    policy = next(a["content"] for t, a in tags if a.get("http-equiv"))
    assert policy.startswith("default-src 'none'")
    assert page.index("--paper") < page.index("color: red")
    assert page.index("const sortable") < page.index("let own = 1;")
    assert not [a for t, a in tags if t in ("link", "iframe") or "src" in a]

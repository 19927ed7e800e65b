"""Head and tail of a page; between them goes whatever it shows."""

from html import escape
from pathlib import Path

_HERE = Path(__file__).parent
# The browser itself then refuses anything that is not in the file.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"


def page_head(title: str, *, style: str) -> str:
    """Return everything up to and with `<body>`.

    Args:
        title: Plain text.
        style: CSS of this page, after what all pages share.
    """
    base = (_HERE / "base.css").read_text(encoding="utf-8")
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width"><meta name="color-scheme" '
        f'content="light dark"><title>{escape(title)}</title><style>{base}{style}</style></head>'
        "<body>"
    )


def page_tail(*, script: str) -> str:
    """Return the script and everything after it.

    Args:
        script: JavaScript of this page; `table.js` comes before it.
    """
    tables = (_HERE / "table.js").read_text(encoding="utf-8")
    return f"<script>{tables}{script}</script></body></html>\n"

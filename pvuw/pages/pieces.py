"""Small pieces of HTML that every page needs."""

from collections.abc import Iterable, Sequence
from html import escape

DASH = '<span class="none">&ndash;</span>'


def number(value: float | None, digits: int = 2) -> str:
    """Return a number for people, a dash for None.

    Example:
        >>> number(1234), number(0.456)
        ('1,234', '0.46')
    """
    if value is None:
        return DASH
    return f"{value:,}" if isinstance(value, int) else f"{value:,.{digits}f}"


def plural(count: int, noun: str) -> str:
    """Return a count with its noun.

    Example:
        >>> plural(1, "video"), plural(1200, "video")
        ('1 video', '1,200 videos')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def share(part: int, whole: int) -> str:
    """Return a share in per cent; of nothing it is 0.

    Example:
        >>> share(1, 3)
        '33 %'
    """
    return f"{round(100 * part / whole) if whole else 0} %"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, css: str = "") -> str:
    """Return a table; all cells are HTML already.

    Args:
        head: Titles of the columns.
        rows: Cells of each row, the first one names the row.
        css: Class of the table.
    """
    titles = "".join(f'<th scope="col">{title}</th>' for title in head)
    body = "".join(
        f'<tr><th scope="row">{row[0]}</th>' + "".join(f"<td>{cell}</td>" for cell in row[1:])
        for row in rows
    )
    return f'<table class="{css}"><thead><tr>{titles}</thead><tbody>{body}</tbody></table>'


def prose(text: str) -> str:
    """Return plain text as HTML, what stands between backticks as code.

    Example:
        >>> prose("below `min_frames` & so on")
        'below <code>min_frames</code> &amp; so on'
    """
    parts = escape(text).split("`")
    return "".join(f"<code>{part}</code>" if i % 2 else part for i, part in enumerate(parts))

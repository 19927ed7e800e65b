"""Numbers and text as every page writes them."""

from collections.abc import Sequence

from markupsafe import Markup, escape

DASH = Markup('<span class="none">&ndash;</span>')


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


def prose(text: str) -> Markup:
    """Return plain text as HTML, what stands between backticks as code.

    Example:
        >>> prose("below `min_frames` & so on")
        Markup('below <code>min_frames</code> &amp; so on')
    """
    parts = text.split("`")
    return Markup().join(
        Markup("<code>{}</code>").format(part) if i % 2 else escape(part)
        for i, part in enumerate(parts)
    )


def join_names(names: Sequence[str]) -> str:
    """Return names as one writes them in a sentence.

    Example:
        >>> join_names(["a"]), join_names(["a", "b", "c"])
        ('a', 'a, b and c')
    """
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))

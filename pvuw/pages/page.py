"""Templates of pages: one HTML file out of several, everything in it escaped, nothing loaded."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from pvuw.pages.words import number, plural, prose, share

_HERE = Path(__file__).parent


def page_template(folder: Path, name: str) -> Template:
    """Return a template that may extend `base.html` and import `macros.html`.

    Besides Jinja2's own it knows the filters `number`, `plural`, `prose`, and the functions `share`
    and `text_of(name)`, which puts a file of style or script into the page as it is.

    Args:
        folder: Where the page's own templates, styles and scripts are.
        name: The template in it.
    """
    loader = FileSystemLoader([folder, _HERE])
    environment = Environment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": number, "plural": plural, "prose": prose}
    environment.globals |= {
        "share": share,
        "text_of": lambda name: Markup(loader.get_source(environment, name)[0]),
    }
    return environment.get_template(name)

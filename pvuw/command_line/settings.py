"""What `--config` files and flags set, each with where it stands."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import get_loader

from pvuw.errors import PvuwError
from pvuw.io.text import read_text
from pvuw.recipes import recipe_files

OWN_FLAGS = ("config", "print_config", "help")
"""Options of the parser itself, which set nothing."""


@dataclass
class Setting:
    """One `--config` file, or one flag, as the user gave it."""

    origin: str
    """The file, or the flag with its value."""
    content: dict[str, Any]
    """What it sets, nested as in a recipe."""
    is_flag: bool = False


class Mistake(PvuwError):
    """What is wrong, and where."""


def read_settings(words: Sequence[str], command: str) -> Iterator[Setting]:
    """Yield what files and flags set, in order.

    Args:
        words: A command line without its command.
        command: The command, for the help to name.

    Raises:
        Mistake: If a flag has no value, a value no flag, or a file cannot be read.
    """
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if not word.startswith("-"):
            raise Mistake(f"{word}: no option takes it; see {command} --help")
        name, joined, value = word.partition("=")
        if not joined:
            has_value = rest and (not rest[0].startswith("-") or rest[0][1:2].isdigit())
            value = rest.pop(0) if has_value else ""
        name = name.removeprefix("--")
        if name in ("config", "-c"):
            if not value:
                raise Mistake(f"--config: names no file; see {command} --help")
            *extended, found = recipe_files(value)
            for file in extended:
                yield read_file(file, name=file)
            yield read_file(found, name=value)
        elif not (name.endswith(".help") or name in OWN_FLAGS or name == "-h"):
            if not joined and not value:
                raise Mistake(f"{word}: is given no value; see {command} --help")
            content: Any = _loaded(value)
            for key in reversed(name.split(".")):
                content = {key: content}
            yield Setting(f"--{name} {value}", content, is_flag=True)


def _loaded(value: str) -> Any:
    """The value of a flag as YAML sees it, where that is a mapping or a list; else as it is."""
    try:
        found = get_loader("yaml")(value)
    except yaml.YAMLError:
        return value
    return found if isinstance(found, dict | list) or found is None else value


def read_file(found: str, *, name: str) -> Setting:
    """What a file sets.

    Raises:
        Mistake: If it is no YAML, or sets nothing.
        PvuwError: If there is no such file, or it is no text.
    """
    inline = ":" in found and not Path(found).suffix
    text = found if inline else read_text(Path(found), what="a recipe, YAML")
    try:
        content = get_loader("yaml")(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = "" if mark is None else f"line {mark.line + 1}, column {mark.column + 1}: "
        raise Mistake(f"{name}: {place}no valid YAML: {_problem(error, text)}") from error
    if not isinstance(content, dict):
        what = "sets nothing: it is empty or all comments" if content is None else "has no keys"
        raise Mistake(f"{name}: {what}; write KEY: VALUE lines, or leave out --config {name}")
    return Setting(name, content)


def _problem(error: yaml.MarkedYAMLError, text: str) -> str:
    mark = error.problem_mark
    line = text.splitlines()[mark.line] if mark and mark.line < len(text.splitlines()) else ""
    if line[: len(line) - len(line.lstrip())].count("\t"):
        return "a tab; indent with spaces"
    return f"{error.problem or error.context}; correct the line"

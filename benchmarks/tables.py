"""The tables of README and docs/, made from `benchmarks/results/*.json`.

    python -m benchmarks.tables --check | --write

In a page, what stands between `<!-- figures: NAME/TABLE -->` and `<!-- end -->` is that table;
`<!-- figures: NAME -->` is the line that says what it was measured with, which a page with a table
must have. Figures measured with other weights than those that ship are said to be so there.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.results import FOLDER, checksum
from pvuw.nets.shipped import shipped_weights

ROOT = Path(__file__).parent.parent
PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "pvuw/nets").glob("*/README.md")),
]
_BLOCK = re.compile(r"(<!-- figures: (?P<name>[\w./-]+) -->\n)(?P<body>.*?)(<!-- end -->)", re.S)


def main(argv: list[str] | None = None) -> int:
    """Check or write every page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--check", action="store_true")
    what.add_argument("--write", action="store_true")
    args = parser.parse_args(argv)
    wrong = 0
    for page in PAGES:
        text = page.read_text()
        made = filled(text)
        if made != text and args.write:
            page.write_text(made)
        elif made != text:
            wrong += 1
            print(f"{page.relative_to(ROOT)}: differs from its data", file=sys.stderr)
    return min(wrong, 1)


def filled(text: str) -> str:
    """A page with every block made anew."""
    return _BLOCK.sub(lambda m: m[1] + made(m["name"]) + m[4], text)


def named(text: str) -> Iterator[str]:
    """Names of a page's blocks."""
    yield from (match["name"] for match in _BLOCK.finditer(text))


def made(block: str) -> str:
    """What stands in a block: `NAME/TABLE` or `NAME`."""
    name, _, table = block.partition("/")
    content = read(name)
    if not table:
        return origin(content) + "\n"
    if table not in content["tables"]:
        raise SystemExit(
            f"{name}.json: no table {table} (there are {', '.join(content['tables'])})"
        )
    return markdown(content["tables"][table])


def read(name: str) -> dict[str, Any]:
    """The content of a file of results."""
    file = FOLDER / f"{name}.json"
    if not file.is_file():
        raise SystemExit(f"{file}: no such results; run the script with --save")
    return json.loads(file.read_text())


def markdown(table: dict[str, Any]) -> str:
    """A table as Markdown, a line each row."""
    formats = table["formats"] or ["{}"] * len(table["columns"])
    lines = [table["columns"], ["---"] * len(table["columns"])]
    for row in table["rows"]:
        if not len(row) == len(formats) == len(table["columns"]):
            raise ValueError(f"{row}: {len(table['columns'])} columns, {len(formats)} formats")
        lines.append([cell(value, how) for value, how in zip(row, formats, strict=True)])
    return "".join(f"| {' | '.join(line)} |\n".replace("|  |", "| |") for line in lines)


def cell(value: Any, how: str) -> str:
    """A cell as text; nothing is an empty one."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return how.format(*value) if isinstance(value, list) else how.format(value)


def origin(content: dict[str, Any]) -> str:
    """How, when and where it was measured, and whether with the weights that ship."""
    versions = [f"{name} {number}" for name, number in content["versions"].items()]
    parts = [f"`{content['command']}`", content["date"], content["hardware"], *versions]
    text = f"Measured: {', '.join(parts)}, commit {content['commit']}"
    text += f"; {content['note']}." if content.get("note") else "."
    if stale := outdated(content):
        text += f" **Older weights** of {', '.join(stale)} than those that ship."
    return text


def outdated(content: dict[str, Any]) -> list[str]:
    """Networks whose weights are no longer those that were measured."""
    return [n for n, known in content["weights"].items() if checksum(shipped_weights(n)) != known]


if __name__ == "__main__":
    sys.exit(main())

"""What a benchmark found, kept as data: `benchmarks/results/<name>.json`.

Every script takes `--save`. The tables of README and docs/ are made from these files by
`benchmarks.tables`, and a test notices when they part.
"""

import argparse
import hashlib
import json
import shlex
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.machine import describe_machine, machine_facts
from pvuw.nets.shipped import shipped_weights

FOLDER = Path(__file__).parent / "results"
NANO = "sam2_nano"
"""The network whose weights ship, as `weights` names it."""


@dataclass(frozen=True)
class Table:
    """Rows as they were measured, and how a reader sees them.

    A cell is a text, nothing, a number, or several numbers (a mean and its interval).
    """

    columns: Sequence[str]
    """Heads; the first one may be empty."""
    rows: Sequence[Sequence[Any]]
    formats: Sequence[str] = ()
    """Of each column, for `str.format` with the cell's numbers; `{}` where there is none."""


class Run:
    """One run of a benchmark: says where it runs, and keeps what it found if told to.

    Args:
        name: Of the file.
        args: As parsed; with `save`, from `add_save`.
        packages: Distributions whose versions matter.
        weights: Networks whose shipped weights were used.
    """

    def __init__(
        self, name: str, args: argparse.Namespace, *packages: str, weights: Iterable[str] = ()
    ) -> None:
        # Now, since the tree may move on before the last row is there.
        self.facts = machine_facts(*packages)
        self.weights = {net: checksum(shipped_weights(net)) for net in weights}
        self.name, self.args = name, args
        print(describe_machine(*packages), flush=True)

    def save(self, tables: dict[str, Table]) -> None:
        """Write the file if `--save` was given."""
        if not self.args.save:
            return
        options = {k: v for k, v in vars(self.args).items() if k != "save" and v is not None}
        given = (Path(word).name if Path(word).is_absolute() else word for word in sys.argv[1:])
        words = shlex.join(word for word in given if word != "--save")
        content = {
            "command": f"python -m {_module()} {words}".strip(),
            **self.facts,
            "settings": {k: v.name if isinstance(v, Path) else v for k, v in options.items()},
            "weights": self.weights,
            "tables": {name: asdict(table) for name, table in tables.items()},
        }
        FOLDER.mkdir(exist_ok=True)
        (FOLDER / f"{self.name}.json").write_text(dumped(content))


def add_save(parser: argparse.ArgumentParser) -> None:
    """Add the option that `Run` looks at."""
    parser.add_argument("--save", action="store_true", help=f"write {FOLDER.name}/<name>.json")


def checksum(file: Path) -> str:
    """SHA-256 of a file."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def dumped(content: dict[str, Any]) -> str:
    """JSON with one row of a table a line, so that a changed figure is a changed line."""
    rows: list[str] = []
    marked = {**content, "tables": {}}
    for name, table in content["tables"].items():
        first = len(rows)
        rows += [json.dumps(row, ensure_ascii=False) for row in table["rows"]]
        places = [f"\0{n}\0" for n in range(first, len(rows))]
        marked["tables"][name] = {**table, "rows": places}
    text = json.dumps(marked, indent=1, ensure_ascii=False) + "\n"
    for number, row in enumerate(rows):
        text = text.replace(f'"\\u0000{number}\\u0000"', row)
    return text


def _module() -> str:
    spec = sys.modules["__main__"].__spec__
    return spec.name if spec else Path(sys.argv[0]).stem

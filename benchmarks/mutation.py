"""Whether tests notice small mistakes: one change at a time in the sources, then their tests.

    python -m benchmarks.mutation pvuw/losses pvuw/metrics --sample 20 --seed 0
    python -m benchmarks.mutation pvuw/losses/dice.py --only 3

A change exchanges an operator, a comparison, a constant, a name of a pair such as `min` and `max`,
or a condition for its opposite. Each runs in a forked process of its own, in which the changed
source takes the place of the file's; nothing on disk changes. The tests of a file are those that
mirror it, then those of its folder, then those named by `--also`. Prints every change that no test
noticed, and the share of them.
"""

import argparse
import ast
import copy
import importlib
import importlib.abc
import importlib.util
import os
import random
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
OPPOSITES = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
NAMES = {"min": "max", "max": "min", "any": "all", "all": "any", "sum": "mean", "mean": "sum"}


@dataclass(frozen=True)
class Change:
    """One small mistake."""

    path: Path
    line: int
    before: str
    after: str
    source: str
    """The whole file with it."""


def changes_of(path: Path) -> Iterator[Change]:
    """Yield every small mistake that can be made in a file."""
    tree = ast.parse(path.read_text())
    targets = list(_targets(tree))
    for number in range(len(targets)):
        changed = copy.deepcopy(tree)
        node, field, value = list(_targets(changed))[number]
        before = ast.unparse(node)
        _put(node, field, value)
        after = ast.unparse(node)
        if before != after:
            yield Change(path, node.lineno, before, after, ast.unparse(changed))


def _put(node: ast.AST, field: str, value: object) -> None:
    if field == "ops":
        node.ops = [value, *node.ops[1:]]
    else:
        setattr(node, field, value)


def _targets(tree: ast.Module) -> Iterator[tuple[ast.AST, str, object]]:
    """Yield nodes that can be changed, the field and its other value; messages are left alone."""
    spared = _messages_and_types(tree)
    for node in ast.walk(tree):
        if id(node) not in spared and (other := _other(node)) is not None:
            yield node, *other


def _messages_and_types(tree: ast.Module) -> set[int]:
    spared: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise | ast.JoinedStr | ast.Assert):
            spared |= {id(inner) for inner in ast.walk(node)}
        for field in ("annotation", "returns"):
            if isinstance(note := getattr(node, field, None), ast.AST):
                spared |= {id(inner) for inner in ast.walk(note)}
    return spared


def _other(node: ast.AST) -> tuple[str, object] | None:
    match node:
        case ast.BinOp() | ast.BoolOp() | ast.AugAssign() if type(node.op) in OPPOSITES:
            return "op", OPPOSITES[type(node.op)]()
        case ast.Compare() if type(node.ops[0]) in OPPOSITES:
            return "ops", OPPOSITES[type(node.ops[0])]()
        case ast.Constant(value=bool() as value):
            return "value", not value
        case ast.Constant(value=(int() | float()) as value):
            return "value", value + 1
        case ast.Name() if node.id in NAMES:
            return "id", NAMES[node.id]
        case ast.Attribute() if node.attr in NAMES:
            return "attr", NAMES[node.attr]
        case ast.If() | ast.IfExp() | ast.While():
            return "test", ast.UnaryOp(ast.Not(), node.test)
    return None


def tests_of(path: Path, also: Sequence[str]) -> list[list[str]]:
    """Return the tests of a file in rising order of cost."""
    relative = path.relative_to(ROOT)
    folder = ROOT / "tests" / relative.parent
    stages = [[str(folder / f"test_{path.stem}.py")], [str(folder)], list(also)]
    return [[t for t in stage if Path(t).exists()] for stage in stages]


class _Instead(importlib.abc.Loader, importlib.abc.MetaPathFinder):
    """Loads one module from the changed source."""

    def __init__(self, change: Change) -> None:
        self.change = change
        parts = change.path.relative_to(ROOT).with_suffix("").parts
        self.name = ".".join(parts).removesuffix(".__init__")

    def find_spec(self, name: str, path: object = None, target: object = None):
        if name != self.name:
            return None
        package = self.change.path.name == "__init__.py"
        spec = importlib.util.spec_from_loader(name, self, is_package=package)
        spec.origin, spec.has_location = str(self.change.path), True
        if package:
            spec.submodule_search_locations = [str(self.change.path.parent)]
        return spec

    def exec_module(self, module: object) -> None:
        code = compile(self.change.source, str(self.change.path), "exec")
        exec(code, module.__dict__)


def noticed(change: Change, tests: Sequence[str], *, seconds: int) -> bool:
    """Return whether a test fails, hangs or cannot be imported with a change."""
    child = os.fork()
    if not child:
        signal.alarm(seconds)
        silent = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silent, 1)
        os.dup2(silent, 2)
        sys.meta_path.insert(0, _Instead(change))
        import pytest

        options = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--no-header"]
        os._exit(int(pytest.main([*options, *tests]) not in (0, 5)))
    _, status = os.waitpid(child, 0)
    return status != 0


def control(path: Path, *, seconds: int) -> None:
    """Stop where the tests of a file fail without any change: nothing could be learnt then."""
    same = Change(path, 0, "", "", ast.unparse(ast.parse(path.read_text())))
    for stage in tests_of(path, ()):
        if stage and noticed(same, stage, seconds=seconds):
            sys.exit(f"{' '.join(stage)} fails without any change")


def main() -> None:
    """Make the changes asked for and print those that no test notices."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("paths", nargs="+", type=Path, help="files or folders of sources")
    parser.add_argument("--sample", type=int, help="changes drawn per path; default: all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, help="the change of this number alone")
    parser.add_argument("--also", nargs="*", default=[], help="tests tried last")
    parser.add_argument("--seconds", type=int, default=120, help="after which a test hangs")
    args = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    for heavy in ("torch", "lightning.pytorch", "sam2", "kornia", "albumentations", "pytest"):
        importlib.import_module(heavy)
    alive, tried, start = [], 0, time.monotonic()
    for given in args.paths:
        path = given.resolve()
        files = sorted(path.rglob("*.py")) if path.is_dir() else [path]
        changes = [change for file in files for change in changes_of(file)]
        if args.sample is not None and args.sample < len(changes):
            changes = random.Random(args.seed).sample(changes, args.sample)
        if changes:
            control(changes[0].path, seconds=args.seconds)
        for number, change in enumerate(changes):
            if args.only not in (None, number):
                continue
            tried += 1
            stages = [stage for stage in tests_of(change.path, args.also) if stage]
            if not any(noticed(change, stage, seconds=args.seconds) for stage in stages):
                alive.append(change)
                where = change.path.relative_to(ROOT)
                print(f"alive {where}:{change.line}: {change.before}  ->  {change.after}")
                sys.stdout.flush()
    share = len(alive) / max(tried, 1)
    minutes = (time.monotonic() - start) / 60
    print(f"{len(alive)} of {tried} changes not noticed ({share:.1%}), {minutes:.1f} minutes")


if __name__ == "__main__":
    main()

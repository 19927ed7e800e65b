"""Tolerances have a name and a reason, in every test."""

import ast
from itertools import zip_longest
from pathlib import Path

import pytest
import torch

from tests.helpers.noise import assert_within, noise_floor

TESTS = Path(__file__).parents[1]
FINE = 1e-2
"""Tolerances from here on are not about rounding, and need no name."""


def small(node, nameless):
    """Numbers below `FINE` in an expression, and names of such numbers that have no reason."""
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, float):
            if 0 < part.value < FINE:
                yield part.lineno
        elif isinstance(part, ast.Name) and part.id in nameless:
            yield part.lineno


def without_reason(tree):
    """Names of small numbers of a module that no docstring follows."""
    for statement, after in zip_longest(tree.body, tree.body[1:]):
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=float() as size)):
                if size < FINE and not isinstance(after, ast.Expr):
                    yield name


def bare_tolerances(source):
    """Lines of a test file with a tolerance that says nothing of where it comes from."""
    tree = ast.parse(source)
    nameless, lines = set(without_reason(tree)), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg in ("atol", "rtol", "abs", "rel"):
            lines.update(small(node.value, nameless))
        elif isinstance(node, ast.Compare):
            for operator, bound in zip(node.ops, node.comparators, strict=True):
                if isinstance(operator, ast.Lt | ast.LtE):
                    lines.update(small(bound, nameless))
    return sorted(lines)


def test_every_tolerance_has_a_name_and_a_reason():
    found = {
        f"{path.relative_to(TESTS)}:{line}"
        for path in TESTS.rglob("*.py")
        for line in bare_tolerances(path.read_text())
    }
    way_out = "take a name of tests/helpers/noise.py, or give the number one and its reason"
    assert not found, f"{sorted(found)}: {way_out}"


def test_bare_tolerances_are_found():
    assert bare_tolerances("assert x == approx(1, abs=1e-6)") == [1]
    assert bare_tolerances("assert 0 < x.max() <= 2e-5 * y") == [1]
    assert bare_tolerances("CLOSE = 1e-4\nassert x < CLOSE") == [2]
    assert bare_tolerances("CLOSE = 1e-4\n'''Why.'''\nassert x < CLOSE") == []
    assert bare_tolerances("assert x > 1e-4\nassert y == approx(2, abs=0.1)") == []


def test_the_floor_of_a_line_is_a_rounding_of_its_values():
    net = torch.nn.Linear(1, 1000, bias=False)
    torch.nn.init.ones_(net.weight)
    floor = noise_floor(net, lambda moved: [moved(torch.ones(1, 1))], draws=1)
    assert 1 < floor / torch.finfo(torch.float32).eps < 5  # of 1,000 normal draws


def test_not_a_number_and_other_types_are_never_close():
    nothing = torch.tensor([float("nan")])
    with pytest.raises(AssertionError, match="part differs by nan"):
        assert_within(nothing, torch.zeros(1), 1.0, "part")
    with pytest.raises(AssertionError, match="float64"):
        assert_within(torch.zeros(1), torch.zeros(1).double(), 1.0)


def test_differences_are_recorded_where_asked(tmp_path, monkeypatch):
    monkeypatch.setenv("PVUW_RECORD_DIFFERENCES", str(tmp_path / "seen"))
    assert_within(torch.ones(2), torch.tensor([1.0, 1.25]), 0.5, "part")
    test, *row = (tmp_path / "seen").read_text().rstrip("\n").split("\t")
    assert test.endswith("::test_differences_are_recorded_where_asked")
    assert row == ["part", "0.25", "0.5"]

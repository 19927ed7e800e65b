import ast
import itertools
import math
from pathlib import Path

import numpy as np
import pytest

import pvuw.sample
from pvuw.sample.exact import Draw, ease, sine
from tests.helpers.noise import ROUNDING

INEXACT = {
    *("sin", "cos", "tan", "arctan", "arctan2", "atan2", "exp", "log", "log2", "power", "pow"),
    *("hypot", "cbrt", "matmul", "dot", "einsum", "tensordot", "interp", "convolve", "mean", "std"),
    *("normal", "randn", "standard_normal", "rand", "choice"),
}


@pytest.mark.parametrize(
    "path", sorted(Path(pvuw.sample.__file__).parent.glob("*.py")), ids=lambda path: path.stem
)
def test_nothing_calls_what_machines_disagree_on(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute):
            assert node.attr not in INEXACT, f"{path.name}:{node.lineno}"
        if isinstance(node, ast.BinOp):
            assert not isinstance(node.op, ast.MatMult), f"{path.name}:{node.lineno}"
            whole = isinstance(node.right, ast.Constant) and isinstance(node.right.value, int)
            assert not isinstance(node.op, ast.Pow) or whole, f"{path.name}:{node.lineno}"


SINE = 1.1e-3
"""The two parabolas are this far from a sine, as their docstring says."""


def test_sine_is_close_to_the_true_one():
    for step in range(-3000, 3000):
        assert sine(step / 1000.0) == pytest.approx(math.sin(step / 500.0 * math.pi), abs=SINE)


def test_sine_of_an_array_is_the_sine_of_its_items():
    turns = np.arange(-8, 8, 0.125, dtype=np.float32)
    values = sine(turns)
    assert values.dtype == np.float32
    assert values.tolist() == pytest.approx([sine(float(x)) for x in turns], abs=ROUNDING)


def test_ease_is_flat_outside_and_monotonic_inside():
    values = [ease(step / 100) for step in range(-20, 121)]
    assert values[:21] == [0.0] * 21
    assert values[-21:] == [1.0] * 21
    assert all(a < b for a, b in itertools.pairwise(values[20:121]))


def test_draws_are_frozen():
    draw = Draw(7)
    assert draw.uniform(-1.0, 1.0).hex() == "-0x1.b1dc3d62e68dap-1"
    assert [draw.integer(3, 5) for _ in range(8)] == [4, 5, 3, 4, 5, 3, 4, 5]
    assert draw.shuffled("abcdef") == list("cdafbe")
    assert (draw.grid(2, 2) * 255).round().tolist() == [[176.0, 127.0], [135.0, 172.0]]


def test_draws_cover_their_range_and_no_more():
    draw = Draw(0)
    assert {draw.integer(1, 3) for _ in range(100)} == {1, 2, 3}
    assert {draw.sign() for _ in range(100)} == {-1.0, 1.0}
    assert {draw.pick("xyz") for _ in range(100)} == {"x", "y", "z"}
    values = [draw.uniform(2.0, 4.0) for _ in range(200)]
    assert 2.0 <= min(values) < 2.1
    assert 3.9 < max(values) <= 4.0
    assert 20 < sum(draw.chance(0.25) for _ in range(200)) < 80

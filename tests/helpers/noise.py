"""Where tolerances come from: how far a right answer may move.

Sums come out differently with another order of terms, and the order depends on the batch, the
number of threads and the instruction set. A tolerance below a hundredth is therefore either
measured in its test (`tolerance_of`), or one of the names below, or a name of the test's own file
with its reason under it; `test_noise.py` holds that. Larger ones are not about rounding: they say
how well a drawing, a codec or a number of draws can be known, beside what they judge. Where a test
names none, it has the defaults of pytest (1e-6 of the value) or of `torch.testing` (1.3e-6 of the
value and 1e-5): `ROUNDING` and `SUMMATION` but for their last digit.

With `PVUW_RECORD_DIFFERENCES=file` every `assert_within` appends its test, the largest difference
and the tolerance, so that the tests can be compared from one instruction set to the next.
"""

import copy
import os
from pathlib import Path

import torch

EPS = torch.finfo(torch.float32).eps
"""1.19e-7: the relative size of one rounding of a float32."""
ROUNDING = 8 * EPS
"""A few operations on single values of about 1."""
SUMMATION = 84 * EPS
"""Relative, about 1e-5: sums of up to 7,000 terms of one sign in any order, `sqrt(n)` roundings."""
DEEP = 10 * SUMMATION
"""Relative, about 1e-4: many sums in a row, as a loss behind a network or a step of training."""
DOUBLE = 8 * torch.finfo(torch.float64).eps
"""`ROUNDING` in float64, about 1.8e-15."""
DOUBLE_SUMMATION = 4500 * torch.finfo(torch.float64).eps
"""About 1e-12: means over up to 20 million values in float64, `sqrt(n)` roundings."""
FLOAT16 = torch.finfo(torch.float16).eps
"""Relative, about 1e-3: what was kept as float16."""
PROBABILITY_STEP = 1e-4
"""Of probabilities: the golden cases' originals themselves move by up to 2.0e-5 (Cutie, others
less) from one thread to two, without oneDNN or with 1e-7 of noise on their weights: five floors."""
BORDER = 1e-3
"""Share of a picture's pixels that may lie so near a mask's border that rounding decides them."""
FACTOR = 10
"""Floors in a tolerance: a draw of weights is one sample."""


def printed(decimals):
    """Half of the last digit of a number that was printed with so many decimals."""
    return 0.5 * 10.0**-decimals


@torch.no_grad()
def noise_floor(net, run, *, draws=2):
    """How far `run(net)` moves when every weight gets 1e-7 of relative noise; a float.

    Args:
        net: A module; it is copied, not changed.
        run: From a module to a list of tensors.
        draws: Draws of noise, the largest move counts.
    """
    plain = [tensor.double() for tensor in run(net)]
    floor = 0.0
    for seed in range(draws):
        moved = copy.deepcopy(net)
        draw = torch.Generator().manual_seed(seed)
        for weight in moved.parameters():
            weight.mul_(1 + EPS * torch.randn(weight.shape, generator=draw))
        found = run(moved)
        assert len(found) == len(plain)
        moves = [(a - b).abs().max().item() for a, b in zip(found, plain, strict=True) if a.numel()]
        floor = max(floor, *moves)
    assert floor > 0, "nothing moved: this says nothing about rounding"
    return floor


def tolerance_of(net, run, **options):
    """`FACTOR` noise floors of `run(net)`, a float; see `noise_floor`."""
    return FACTOR * noise_floor(net, run, **options)


def assert_within(found, wanted, tolerance, what=""):
    """No value of a tensor is further than `tolerance` from the wanted one; NaN always is."""
    assert found.dtype == wanted.dtype, (what, found.dtype, wanted.dtype)
    assert found.shape == wanted.shape, (what, found.shape, wanted.shape)
    if found.numel():
        assert_small((found.double() - wanted.double()).abs().max().item(), tolerance, what)


def assert_small(difference, tolerance, what=""):
    """A largest difference, worked out by the test, is at most `tolerance`."""
    if record := os.environ.get("PVUW_RECORD_DIFFERENCES"):
        test = os.environ.get("PYTEST_CURRENT_TEST", "").removesuffix(" (call)")
        with Path(record).open("a") as lines:
            lines.write(f"{test}\t{what}\t{float(difference):.3g}\t{float(tolerance):.3g}\n")
    assert difference <= tolerance, f"{what} differs by {difference:.3g}, not {tolerance:.3g}"

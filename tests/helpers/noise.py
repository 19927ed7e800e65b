"""Noise floors: how far a right answer may move, so that tolerances come from somewhere.

float32 sums come out differently with another order of terms, and the order depends on the batch,
the number of threads and the instruction set. What that does to a network's output is measured
here by giving every weight a relative change of the size of one rounding and looking how far the
output of the *same* code moves. `FACTOR` floors is the tolerance: a draw of weights is one sample.
"""

import copy

import torch

EPS = torch.finfo(torch.float32).eps
"""1.19e-7: the relative size of one rounding of a float32."""
ROUNDING = 8 * EPS
"""A few operations on single values of about 1."""
SUMMATION = 84 * EPS
"""Relative, about 1e-5: sums of up to 7,000 terms of one sign in any order, `sqrt(n)` roundings."""
PROBABILITY_STEP = 1e-4
"""Of probabilities, where the original itself was seen to move (`../shared/golden/README.md`)."""
FACTOR = 10


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

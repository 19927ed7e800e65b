"""J, F and J&F of many videos as a metric that is right over any number of processes."""

from collections.abc import Callable, Collection, Sequence

import torch
from torch import Tensor
from torch.nn import Module
from torchmetrics import Metric


class JAndF(Metric):
    """Means of J and F over all objects of all videos, every object counting the same.

    The sums are kept in float64 and added over processes, so it does not matter which process saw
    which video, nor that some saw more than others.

    As input to `update` the metric takes one video:

    - `j`: mean J of each object over the video's scored frames, float `[N]`;
    - `f`: mean F of each object, float `[N]`.

    `compute` returns `{"j", "f", "jf"}`, float64 scalars in 0..1, higher is better; NaN before any
    object has been seen. For each group that has an object anywhere it adds the same three, their
    names preceded by the group's.

    Args:
        groups: Names of groups of objects that are also scored on their own, such as `davis/` or
            `small_`; the same on every process.

    Example:
        >>> metric = JAndF()
        >>> metric.update(torch.tensor([0.5, 0.75]), torch.tensor([0.75, 1.0]))
        >>> metric.update(torch.tensor([1.0]), torch.tensor([0.5]))
        >>> {name: value.item() for name, value in metric.compute().items()}
        {'j': 0.75, 'f': 0.75, 'jf': 0.75}

        >>> metric = JAndF(["small_", "huge_"])
        >>> metric.update(torch.tensor([0.5, 1.0]), torch.tensor([0.5, 1.0]), [["small_"], []])
        >>> {name: value.item() for name, value in metric.compute().items() if "jf" in name}
        {'jf': 0.75, 'small_jf': 0.5}
    """

    is_differentiable = False
    higher_is_better = True
    full_state_update = False

    j_sum: Tensor
    f_sum: Tensor
    num_objects: Tensor

    def __init__(self, groups: Sequence[str] = ()) -> None:
        super().__init__()
        self.groups = list(groups)
        size = 1 + len(self.groups)  # all objects first, then the groups
        self.add_state("j_sum", torch.zeros(size, dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("f_sum", torch.zeros(size, dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("num_objects", torch.zeros(size, dtype=torch.int64), dist_reduce_fx="sum")

    def _apply(self, fn: Callable[[Tensor], Tensor], exclude_state: Sequence[str] = "") -> Module:
        """Follow the module to its device but keep float64, also where it trains in bfloat16."""
        return super()._apply(lambda tensor: tensor.to(fn(tensor).device), exclude_state)

    def update(self, j: Tensor, f: Tensor, groups: Sequence[Collection[str]] | None = None) -> None:
        """Add the objects of one video.

        Args:
            j: Mean J of each object, float `[N]`.
            f: Mean F of each object, float `[N]`.
            groups: Groups of each object, length `N`; default: none.

        Raises:
            ValueError: If `j` and `f` differ in shape, are not one-dimensional or not as many as
                `groups`.
        """
        if j.ndim != 1 or j.shape != f.shape:
            raise ValueError(f"j and f must both be [N], got {list(j.shape)} and {list(f.shape)}")
        if groups is not None and len(groups) != len(j):
            raise ValueError(f"groups must be one for each of {len(j)} objects, got {len(groups)}")
        found = [()] * len(j) if groups is None else groups
        members = [[True, *(group in names for group in self.groups)] for names in found]
        rows = torch.tensor(members, dtype=torch.float64, device=self.j_sum.device)
        rows = rows.reshape(len(j), 1 + len(self.groups))  # [N, 1 + G], also without objects
        self.j_sum += j.to(rows) @ rows
        self.f_sum += f.to(rows) @ rows
        self.num_objects += rows.sum(dim=0).long()

    def compute(self) -> dict[str, Tensor]:
        """Return the means over all objects seen by all processes, and over those of each group."""
        scores: dict[str, Tensor] = {}
        for place, group in enumerate(["", *self.groups]):
            if group and not self.num_objects[place]:
                continue
            j = self.j_sum[place] / self.num_objects[place]
            f = self.f_sum[place] / self.num_objects[place]
            scores |= {f"{group}j": j, f"{group}f": f, f"{group}jf": (j + f) / 2}
        return scores

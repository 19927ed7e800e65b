"""J, F and J&F of many videos as a metric that is right over any number of processes."""

from collections.abc import Callable, Sequence

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
    object has been seen.

    Example:
        >>> metric = JAndF()
        >>> metric.update(torch.tensor([0.5, 0.75]), torch.tensor([0.75, 1.0]))
        >>> metric.update(torch.tensor([1.0]), torch.tensor([0.5]))
        >>> {name: value.item() for name, value in metric.compute().items()}
        {'j': 0.75, 'f': 0.75, 'jf': 0.75}
    """

    is_differentiable = False
    higher_is_better = True
    full_state_update = False

    j_sum: Tensor
    f_sum: Tensor
    num_objects: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.add_state("j_sum", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("f_sum", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("num_objects", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")

    def _apply(self, fn: Callable[[Tensor], Tensor], exclude_state: Sequence[str] = "") -> Module:
        """Follow the module to its device but keep float64, also where it trains in bfloat16."""
        return super()._apply(lambda tensor: tensor.to(fn(tensor).device), exclude_state)

    def update(self, j: Tensor, f: Tensor) -> None:
        """Add the objects of one video.

        Args:
            j: Mean J of each object, float `[N]`.
            f: Mean F of each object, float `[N]`.

        Raises:
            ValueError: If the two differ in shape or are not one-dimensional.
        """
        if j.ndim != 1 or j.shape != f.shape:
            raise ValueError(f"j and f must both be [N], got {list(j.shape)} and {list(f.shape)}")
        self.j_sum += j.double().sum()
        self.f_sum += f.double().sum()
        self.num_objects += j.numel()

    def compute(self) -> dict[str, Tensor]:
        """Return the means over all objects seen by all processes."""
        j, f = self.j_sum / self.num_objects, self.f_sum / self.num_objects
        return {"j": j, "f": f, "jf": (j + f) / 2}

"""Numbers that are read from a device while it works on."""

import torch
from torch import Tensor


class Readback:
    """Numbers on their way to the host, which goes on meanwhile and waits for them when asked.

    From CUDA they are copied into pinned memory behind the work that was queued before; from other
    devices at once.

    Args:
        numbers: Float `[N, C]`, not changed any more.

    Example:
        >>> Readback(torch.tensor([[0.5, 2.0]])).rows()
        [[0.5, 2.0]]
    """

    def __init__(self, numbers: Tensor) -> None:
        self._numbers = numbers.to("cpu", non_blocking=numbers.is_cuda)
        self._copied: torch.Event | None = None
        if numbers.is_cuda:
            self._copied = torch.cuda.current_stream(numbers.device).record_event()

    def rows(self) -> list[list[float]]:
        """The numbers, row by row."""
        if self._copied is not None:
            self._copied.synchronize()
        rows: list[list[float]] = self._numbers.tolist()
        return rows

"""Which query of a frame is which of the frames before it."""

import torch
from torch import Tensor
from torch.nn import functional as F

ALPHA = 0.1
"""How much of a frame enters memory at most."""


class QueryTracker:
    """Sorts the queries of each frame as those of the first one, with a memory of each.

    What fits the words of its frame best enters memory with `ALPHA`, what fits them least not at
    all.
    """

    def __init__(self) -> None:
        self._memory: Tensor | None = None

    def sort(self, queries: Tensor, words: Tensor) -> Tensor:
        """Places in the frame of the queries that continue those remembered, int64 `[Q]`.

        Args:
            queries: Of the next frame, float `[Q, C]`.
            words: Features of its words, float `[L, C]`.
        """
        from scipy.optimize import linear_sum_assignment

        if self._memory is None:
            self._memory = queries
            return torch.arange(len(queries), device=queries.device)
        alike = F.normalize(self._memory, dim=-1) @ F.normalize(queries, dim=-1).T
        columns = linear_sum_assignment((1 - alike).detach().cpu().numpy())[1]
        index = torch.as_tensor(columns, device=queries.device)
        chosen = queries[index]
        fit = (chosen @ words.T).amax(-1)
        spread = fit.max() - fit.min()
        # Equal queries, or one alone: upstream divides by zero; nothing is sure, nothing enters.
        share = torch.where(spread > 0, (fit - fit.min()) / spread, 0.0)[:, None] * ALPHA
        self._memory = (1 - share) * self._memory + share * chosen
        return index

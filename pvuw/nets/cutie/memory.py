"""Pixel memory: what cells of past frames looked like, and what each object was there.

A `Bucket` holds the objects that first appeared on the same frame. They share one set of keys, and
the frame they appeared on is never forgotten. Other memory frames leave first in, first out, or,
with long-term memory, are condensed into prototypes (Cheng and Schwing 2022, "XMem", section 3.3,
https://arxiv.org/abs/2207.07115), of which the least used are dropped in blocks.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from pvuw.nets.matching.affinity import full_affinity, read_values, similarity
from pvuw.nets.matching.sparse import read_top_k

_BORN = 1e-7
"""Age of a new cell, so that a cell that was never read has usage 0 and not 0 / 0."""


@dataclass(frozen=True)
class LongTermConfig:
    """When working memory is condensed, and how much long-term memory there is."""

    max_mem_frames: int = 10
    """Memory frames, the first included, at which working memory is condensed."""
    min_mem_frames: int = 5
    """Memory frames, the first included, that are left in working memory then."""
    num_prototypes: int = 128
    """Cells that one condensation adds to long-term memory."""
    max_num_tokens: int = 10000
    """Most cells of long-term memory."""
    buffer_tokens: int = 2000
    """Cells dropped at once, the least used ones, when the next condensation might not fit."""

    def __post_init__(self) -> None:
        if not 1 <= self.min_mem_frames < self.max_mem_frames:
            raise ValueError(
                "long_term needs 1 <= min_mem_frames < max_mem_frames, "
                f"got {self.min_mem_frames} and {self.max_mem_frames}"
            )
        if self.num_prototypes < 1 or self.kept_tokens < 0:
            raise ValueError(
                "long_term.max_num_tokens must hold num_prototypes and buffer_tokens, "
                f"got {self.max_num_tokens}, {self.num_prototypes} and {self.buffer_tokens}"
            )

    @property
    def kept_tokens(self) -> int:
        """Cells that are left after the least used ones were dropped."""
        return self.max_num_tokens - self.num_prototypes - self.buffer_tokens


@dataclass(frozen=True)
class MemoryConfig:
    """What is kept of past frames, and how it is read."""

    mem_every: int = 5
    """Every how many frames one enters pixel and object memory; prompted frames always do."""
    top_k: int = 30
    """Cells of memory that each cell of a frame reads, the most similar ones."""
    max_mem_frames: int = 5
    """Frames in pixel memory, the first included; without long-term memory only."""
    stagger_updates: int = 5
    """Frames out of `mem_every` on which the decoder updates the recurrent state."""
    long_term: LongTermConfig | None = None
    """Long-term memory, for videos of minutes; None: first in, first out."""

    def __post_init__(self) -> None:
        for name in ("mem_every", "top_k", "max_mem_frames", "stagger_updates"):
            if (value := getattr(self, name)) < 1:
                raise ValueError(f"memory.{name} must be at least 1, got {value}")

    @property
    def sensory_steps(self) -> set[int]:
        """Frames since the last memory frame on which the decoder updates the state."""
        count = min(self.stagger_updates, self.mem_every)
        steps = torch.linspace(1, self.mem_every, count, dtype=torch.float64)
        return {int(step) for step in steps.round()}


@dataclass
class Tokens:
    """Cells of memory, `L` of them."""

    keys: Tensor
    """What a cell looked like, float `[L, Ck]`."""
    shrinkage: Tensor
    """How sharply similarity to a cell falls off, float `[L]`, at least 1."""
    values: Tensor
    """What each object of the bucket was there, float `[L, N, C]`."""
    selection: Tensor
    """Which channels of its key mattered, as a query, float `[L, Ck]`; prototypes have none."""
    uses: Tensor
    """Summed weight with which a cell was read, float `[L]`."""
    reads: Tensor
    """How often it could have been read, float `[L]`."""

    @classmethod
    def new(cls, keys: Tensor, shrinkage: Tensor, values: Tensor, selection: Tensor) -> "Tokens":
        """Cells nobody has read yet."""
        unread = torch.zeros_like(shrinkage)
        return cls(keys, shrinkage, values, selection, unread, unread + _BORN)

    def __len__(self) -> int:
        return self.keys.shape[0]

    @property
    def usage(self) -> Tensor:
        """Mean weight per chance to be read, float `[L]`."""
        return self.uses / self.reads

    def take(self, rows: slice | Tensor) -> "Tokens":
        """Some of the cells, in the order asked for."""
        return Tokens(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))

    def then(self, later: "Tokens") -> "Tokens":
        """These cells and others behind them."""
        names = self.__dataclass_fields__
        return Tokens(*(torch.cat([getattr(self, n), getattr(later, n)]) for n in names))

    def count_read(self, weights: Tensor) -> None:
        """Note that cells were read with the summed `weights` `[L]`."""
        self.uses = self.uses + weights
        self.reads = self.reads + 1


@dataclass
class Bucket:
    """Objects that first appeared on the same frame, and their shared memory."""

    object_ids: list[int]
    config: MemoryConfig
    first: int = 0
    """Cells of the frame the objects appeared on, at the front of `working`."""
    working: Tokens | None = None
    """Cells of that frame and of recent memory frames."""
    long: Tokens | None = field(default=None)
    """Prototypes of frames before."""

    def read(self, query: Tensor, selection: Tensor) -> Tensor:
        """What each object was where memory looks like the query, float `[N, C, hw]`.

        Args:
            query: Keys of the frame's cells, float `[hw, Ck]`.
            selection: Which of their channels matter, float `[hw, Ck]`.
        """
        assert self.working is not None
        stores = [self.working] if self.long is None else [self.long, self.working]
        keys, shrinkage, values = (
            _joined([getattr(store, name) for store in stores])
            for name in ("keys", "shrinkage", "values")
        )
        found = read_top_k(
            keys, shrinkage, values.flatten(1), query, selection, top_k=self.config.top_k
        )
        if self.config.long_term is not None:
            shares = torch.split(found.used, [len(store) for store in stores])
            for store, share in zip(stores, shares, strict=True):
                store.count_read(share)
        return found.values.T.reshape(*values.shape[1:], -1)

    def write(self, tokens: Tokens) -> None:
        """Add a frame's cells, and let go of what there is no more room for."""
        if self.working is None:
            self.first, self.working = len(tokens), tokens
            return
        recent = self.working.take(slice(self.first, None)).then(tokens)
        if self.config.long_term is None:
            room = (self.config.max_mem_frames - 1) * len(tokens)
            recent = recent.take(slice(max(len(recent) - room, 0), None))
        else:
            recent = self._condense(recent, self.config.long_term, len(tokens))
        self.working = self.working.take(slice(0, self.first)).then(recent)

    def remove(self, object_id: int) -> None:
        """Forget an object of several."""
        kept = [slot for slot, i in enumerate(self.object_ids) if i != object_id]
        self.object_ids = [self.object_ids[slot] for slot in kept]
        for store in (self.working, self.long):
            if store is not None:
                store.values = store.values[:, kept]

    def _condense(self, recent: Tokens, config: LongTermConfig, frame_cells: int) -> Tokens:
        """Turn all but the latest of the recent frames into prototypes once there are enough."""
        if len(recent) < (config.max_mem_frames - 1) * frame_cells:
            return recent
        if (
            self.long is not None
            and len(self.long) >= config.max_num_tokens - config.num_prototypes
        ):
            kept = min(config.kept_tokens, len(self.long))
            self.long = self.long.take(self.long.usage.topk(kept).indices)
        old = len(recent) - (config.min_mem_frames - 1) * frame_cells
        made = _prototypes(recent.take(slice(0, old)), config.num_prototypes)
        self.long = made if self.long is None else self.long.then(made)
        return recent.take(slice(old, None))


def _prototypes(candidates: Tokens, count: int) -> Tokens:
    """The most used cells; each takes on the shrinkage and values of all cells like it."""
    chosen = candidates.usage.topk(min(count, len(candidates))).indices
    keys, selection = candidates.keys[chosen], candidates.selection[chosen]
    alike = full_affinity(
        similarity(
            candidates.keys.T[None],
            candidates.shrinkage[None, None],
            keys.T[None],
            selection.T[None],
        )
    )[0]  # [L, prototypes]
    return Tokens.new(
        keys,
        read_values(alike, candidates.shrinkage[None])[0],
        torch.einsum("lp,lnc->pnc", alike, candidates.values),
        selection,
    )


def _joined(parts: list[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(parts)

"""XMem's working and long-term memory during a video.

Keys are shared by all objects. Objects that were first prompted on the same frame form a group with
values of its own; a group that came later has values for the latest keys only, so its columns are
the last ones of every matrix. Cheng and Schwing (2022), sections 3.2 and 3.3.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from pvuw.nets.matching.affinity import full_affinity, read_values, similarity
from pvuw.nets.matching.sparse import read_top_k
from pvuw.nets.xmem.config import XMemConfig

_UNSEEN = 1e-7
"""Lifetime of a cell that no frame has read yet: usage is a count over a lifetime."""


@dataclass
class KeyStore:
    """Keys of `M` cells, oldest first, and how much each was used."""

    key: Tensor
    """Float `[1, K, M]`."""
    shrinkage: Tensor
    """Float `[1, 1, M]`."""
    selection: Tensor | None
    """Float `[1, K, M]`; None in long-term memory, which is never condensed again."""
    used: Tensor
    """Sum of the affinities to each cell, float `[M]`."""
    lifetime: Tensor
    """Frames that could read each cell, float `[M]`."""

    @classmethod
    def of(cls, key: Tensor, shrinkage: Tensor, selection: Tensor | None) -> "KeyStore":
        """New cells, never read."""
        used = key.new_zeros(key.shape[-1], dtype=torch.float32)
        return cls(key, shrinkage, selection, used, used + _UNSEEN)

    @property
    def size(self) -> int:
        """Number of cells, `M`."""
        return self.key.shape[-1]

    @property
    def usage(self) -> Tensor:
        """Affinity per frame, float `[M]`."""
        return self.used / self.lifetime

    def count(self, usage: Tensor) -> None:
        """Add a frame's affinities, float `[M]`."""
        self.used = self.used + usage
        self.lifetime = self.lifetime + 1

    def append(self, other: "KeyStore") -> None:
        """Add newer cells."""
        self.key = torch.cat([self.key, other.key], -1)
        self.shrinkage = torch.cat([self.shrinkage, other.shrinkage], -1)
        if self.selection is not None and other.selection is not None:
            self.selection = torch.cat([self.selection, other.selection], -1)
        self.used = torch.cat([self.used, other.used])
        self.lifetime = torch.cat([self.lifetime, other.lifetime])

    def keep(self, cells: Tensor) -> None:
        """Keep some cells: a bool mask or positions, `[M]`."""
        self.key, self.shrinkage = self.key[..., cells], self.shrinkage[..., cells]
        self.selection = None if self.selection is None else self.selection[..., cells]
        self.used, self.lifetime = self.used[cells], self.lifetime[cells]


@dataclass
class ObjectGroup:
    """Values of objects that were first prompted on the same frame."""

    slots: list[int]
    work: Tensor
    """Values for the latest cells of working memory, float `[m, objects, V]`."""
    long: Tensor | None = None
    """Values for the latest cells of long-term memory; None while there are none."""

    @property
    def long_size(self) -> int:
        """Cells of long-term memory that have a value in this group."""
        return 0 if self.long is None else len(self.long)

    def values(self) -> Tensor:
        """Long-term, then working memory, float `[m, objects, V]`."""
        return self.work if self.long is None else torch.cat([self.long, self.work])


class XMemMemory:
    """What a video has shown so far; `read` and `add` are all a session needs.

    Args:
        config: How much is kept.
    """

    def __init__(self, config: XMemConfig) -> None:
        self.config = config
        self.work: KeyStore | None = None
        self.long: KeyStore | None = None
        self.groups: list[ObjectGroup] = []
        self._cells = 0

    @property
    def num_objects(self) -> int:
        """Objects that have values here."""
        return sum(len(group.slots) for group in self.groups)

    def read(self, key: Tensor, selection: Tensor) -> Tensor:
        """Values of every object for a frame, by the similarity of its keys to those in memory.

        Args:
            key: Keys of the frame, float `[1, K, h, w]`.
            selection: Its selection, likewise.

        Returns:
            Float `[N, V, h, w]` in slot order.
        """
        assert self.work is not None
        keys, shrinkage = self.work.key[0].T, self.work.shrinkage[0, 0]
        if self.long is not None:
            keys = torch.cat([self.long.key[0].T, keys])
            shrinkage = torch.cat([self.long.shrinkage[0, 0], shrinkage])
        read = []
        for number, group in enumerate(self.groups):
            values = group.values()
            found = read_top_k(
                self._of_group(keys, group),
                self._of_group(shrinkage, group),
                values.flatten(1),
                key[0].flatten(1).T,
                selection[0].flatten(1).T,
                top_k=self.config.top_k,
            )
            if number == 0:  # it has all cells
                self._count(found.used)
            read.append(found.values.view(-1, *values.shape[1:]))
        merged = torch.cat(read, dim=1).movedim(0, 2)  # [N, V, Q]
        return merged.reshape(*merged.shape[:2], *key.shape[-2:])

    def add(self, key: Tensor, shrinkage: Tensor, selection: Tensor, value: Tensor) -> None:
        """Take in a memory frame; condenses memory where it has grown too long.

        Args:
            key: Float `[1, K, h, w]`.
            shrinkage: Float `[1, 1, h, w]`.
            selection: Float `[1, K, h, w]`.
            value: Float `[N, V, h, w]`, all objects known by now; new ones form a group.
        """
        self._cells = key.shape[-2] * key.shape[-1]
        kept = selection.flatten(2) if self.config.long_term else None
        store = KeyStore.of(key.flatten(2), shrinkage.flatten(2), kept)
        if self.work is None:
            self.work = store
        else:
            self.work.append(store)
        cells = value.flatten(2).permute(2, 0, 1)  # [h w, N, V]
        for group in self.groups:
            group.work = torch.cat([group.work, cells[:, group.slots]])
        if fresh := list(range(self.num_objects, len(value))):
            self.groups.append(ObjectGroup(fresh, cells[:, fresh]))
        self._make_room()

    def remove(self, slot: int) -> None:
        """Forget an object with everything only it had; later slots move up."""
        for group in self.groups:
            if slot in group.slots:
                rows = [row for row, own in enumerate(group.slots) if own != slot]
                group.work = group.work[:, rows]
                group.long = None if group.long is None else group.long[:, rows]
                group.slots = [group.slots[row] for row in rows]
            group.slots = [own - (own > slot) for own in group.slots]
        self.groups = [group for group in self.groups if group.slots]
        self._drop_orphans()

    def _of_group(self, cells: Tensor, group: ObjectGroup) -> Tensor:
        """What long-term, then working memory has of a group's cells: some rows of `[M, ...]`."""
        in_long = 0 if self.long is None else self.long.size
        first_long, first_work = in_long - group.long_size, len(cells) - len(group.work)
        if first_work == in_long:
            return cells[first_long:]
        return torch.cat([cells[first_long:in_long], cells[first_work:]])

    def _count(self, usage: Tensor) -> None:
        assert self.work is not None
        if self.config.long_term:
            self.work.count(usage[len(usage) - self.work.size :])
        if self.long is not None:
            self.long.count(usage[: self.long.size])

    def _make_room(self) -> None:
        assert self.work is not None
        config, frames = self.config, self.work.size // self._cells
        if config.long_term and frames >= config.max_frames:
            self._forget_least_used()
            self._condense()
        most = config.max_working_frames
        if not config.long_term and most is not None and frames > most:
            self._drop_middle(most)

    def _forget_least_used(self) -> None:
        """Leave room for another set of prototypes in long-term memory."""
        limit = self.config.max_long_term - self.config.num_prototypes
        if self.long is None or self.long.size <= limit:
            return
        usage = self.long.usage
        least = usage.topk(self.long.size - limit, largest=False, sorted=True).values
        survives = usage > least[-1]
        self.long.keep(survives)
        for group in self.groups:
            if group.long is not None:
                group.long = group.long[survives[len(survives) - group.long_size :]]

    def _condense(self) -> None:
        """Replace all frames but the first and the latest by prototypes in long-term memory.

        The most used cells become prototypes; each takes the values of the cells like it.
        """
        assert self.work is not None
        cells, config = self._cells, self.config
        end = self.work.size - (config.min_frames - 1) * cells
        middle = KeyStore(**vars(self.work))
        middle.keep(torch.arange(cells, end, device=middle.key.device))
        chosen = middle.usage.topk(min(config.num_prototypes, middle.size), sorted=True).indices
        assert middle.selection is not None
        key = middle.key[..., chosen]
        scores = similarity(middle.key, middle.shrinkage, key, middle.selection[..., chosen])
        for group in self.groups:
            self._condense_values(group, scores, chosen)
        shrinkage = read_values(full_affinity(scores), middle.shrinkage)
        prototypes = KeyStore.of(key, shrinkage, None)
        if self.long is None:
            self.long = prototypes
        else:
            self.long.append(prototypes)
        self._drop_middle(config.min_frames)

    def _condense_values(self, group: ObjectGroup, scores: Tensor, chosen: Tensor) -> None:
        """Give a group values for the prototypes that lie in its time."""
        assert self.work is not None
        own, cells, kept = len(group.work), self._cells, self.config.min_frames
        if own < self.work.size and own <= (kept + 1) * cells:
            return
        values = group.work[cells : own - (kept - 1) * cells]
        first = scores.shape[1] - len(values)
        valid = chosen >= first
        if not bool(valid.any()):
            return
        affinity = full_affinity(scores[:, first:, valid])[0]
        condensed = (affinity.T @ values.flatten(1)).view(-1, *values.shape[1:])
        group.long = condensed if group.long is None else torch.cat([group.long, condensed])

    def _drop_middle(self, frames: int) -> None:
        """Keep so many frames, the first and the latest others, of every group that has more."""
        assert self.work is not None
        device, latest = self.work.key.device, (frames - 1) * self._cells

        def kept(size: int) -> Tensor:
            first = torch.arange(self._cells, device=device)
            return torch.cat([first, torch.arange(size - latest, size, device=device)])

        self.work.keep(kept(self.work.size))
        for group in self.groups:
            if len(group.work) > frames * self._cells:
                group.work = group.work[kept(len(group.work))]

    def _drop_orphans(self) -> None:
        """Drop cells that no object has a value for any more."""
        if not self.groups:
            self.work = self.long = None
            return
        assert self.work is not None
        most = max(len(group.work) for group in self.groups)
        self.work.keep(torch.arange(self.work.size - most, self.work.size))
        if self.long is not None:
            most = max(group.long_size for group in self.groups)
            self.long.keep(torch.arange(self.long.size - most, self.long.size))
            self.long = self.long if most else None

"""Which object of a video sits in which slot of a network's tensors."""

from collections.abc import Iterable


class ObjectSlots:
    """File ids in slot order; ids never change, slots move up when one before them is removed."""

    def __init__(self) -> None:
        self._ids: list[int] = []

    def __len__(self) -> int:
        return len(self._ids)

    @property
    def ids(self) -> list[int]:
        """File id of each slot."""
        return list(self._ids)

    def add(self, object_ids: Iterable[int]) -> list[int]:
        """Slots of objects, new ones at the end for ids not seen before.

        Example:
            >>> slots = ObjectSlots()
            >>> slots.add([8, 1]), slots.add([3, 8]), slots.ids
            ([0, 1], [2, 0], [8, 1, 3])
        """
        wanted = list(object_ids)
        self._ids += [i for i in wanted if i not in self._ids]
        return [self._ids.index(i) for i in wanted]

    def remove(self, object_id: int) -> int:
        """The slot an object had, which is gone now.

        Raises:
            KeyError: If the object is not tracked.
        """
        if object_id not in self._ids:
            raise KeyError(f"object {object_id} is not tracked, only {self._ids}")
        slot = self._ids.index(object_id)
        del self._ids[slot]
        return slot


def without_slot(num_slots: int, slot: int) -> list[int]:
    """The other slots of `num_slots`, for indexing tensors when an object is removed.

    Example:
        >>> without_slot(3, 1)
        [0, 2]
    """
    return [i for i in range(num_slots) if i != slot]

"""What callbacks of several processes tell each other."""

from typing import Any, TypeVar

from torch import distributed

T = TypeVar("T")


def of_all_processes(items: list[T]) -> list[T]:
    """The items of every process, in the order of the processes; all of them must call it."""
    if not (distributed.is_available() and distributed.is_initialized()):
        return items
    gathered: list[Any] = [None] * distributed.get_world_size()
    distributed.all_gather_object(gathered, items)
    return [item for share in gathered for item in share]

"""Id maps in memory as the frames of an ensemble."""

from collections.abc import Sequence

from pvuw.io.mask_store import IdMap


class ArrayFrames:
    """Id maps that are in memory already, as `Frames`.

    Args:
        members: For each member, uint8 `[T, H, W]`, or one id map or None per frame.
        size_hw: Height and width; needed where no member has a mask.
    """

    def __init__(
        self,
        members: Sequence[Sequence[IdMap | None] | IdMap],
        *,
        size_hw: tuple[int, int] | None = None,
    ) -> None:
        self._members = members
        shapes = {m.shape for member in members for m in member if m is not None}
        if size_hw is not None:
            shapes.add(size_hw)
        if len(shapes) != 1 or len({len(member) for member in members}) != 1:
            raise ValueError(f"id maps must be of one size and number, got sizes {shapes}")
        height, width = shapes.pop()
        self.size_hw = (height, width)

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self._members[0])

    def read(self, position: int) -> list[IdMap | None]:
        """Return each member's id map."""
        return [member[position] for member in self._members]

    def read_member(self, position: int, member: int) -> IdMap | None:
        """Return the id map of one member."""
        return self._members[member][position]

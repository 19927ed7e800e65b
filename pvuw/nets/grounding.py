"""From sentences to prompts: what a network that understands words has beside its sessions."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence

from pvuw.io.videos import Video
from pvuw.types import Prompt


class LatePrompts(Mapping[int, Prompt]):
    """Prompts that are made when their frame comes: for grounders that have one for every frame.

    Args:
        positions: Of the frames they are given with.
        object_ids: Whom each prompts.
        read: Makes the prompt of a position.
    """

    def __init__(
        self, positions: range, object_ids: list[int], read: Callable[[int], Prompt]
    ) -> None:
        self._positions, self._read = positions, read
        self.object_ids = object_ids

    def __getitem__(self, position: int) -> Prompt:
        """Return the prompt of a frame, made now."""
        if position not in self._positions:
            raise KeyError(position)
        return self._read(position)

    def __iter__(self) -> Iterator[int]:
        """Yield the positions, in order."""
        return iter(self._positions)

    def __len__(self) -> int:
        """Return the number of prompted frames."""
        return len(self._positions)


class Grounder(ABC):
    """Finds what sentences about a video mean, before its frames are passed through the network."""

    @abstractmethod
    def look(self, video: Video, sentences: Sequence[str]) -> list[Mapping[int, Prompt]]:
        """Read any frames of a video, in any order, and tell what to follow.

        All sentences asked about the video at once come together, so that what is seen in it
        serves them all.

        Args:
            video: Its frames.
            sentences: What is asked.

        Returns:
            For each sentence its prompts, by the position of the frame each is given with; none
            where nothing in the video is meant.

        Raises:
            DataError: If a frame cannot be read.
        """

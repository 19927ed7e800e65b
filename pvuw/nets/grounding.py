"""From sentences to prompts: what a network that understands words has beside its sessions."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

from pvuw.io.videos import Video
from pvuw.types import Prompt


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

"""Videos whose frames are another's: shown backwards, or read once for several queries."""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from pvuw.io.videos import Video


class _FramesOf(Video):
    """Frames of another video."""

    def __init__(self, video: Video, frame_paths: Sequence[Path]) -> None:
        super().__init__(video.video_id, frame_paths, problem=video.problem)
        self.video = video

    @property
    def size_hw(self) -> tuple[int, int]:
        """Height and width of the frames."""
        return self.video.size_hw


class ReversedVideo(_FramesOf):
    """The first frames of a video, last one first.

    Args:
        video: The video.
        length: How many of its frames.
    """

    def __init__(self, video: Video, length: int) -> None:
        super().__init__(video, [video.frame_paths[t] for t in range(length - 1, -1, -1)])

    def read_frame(self, position: int) -> Tensor:
        """Return one frame, uint8 `[3, H, W]` RGB."""
        return self.video.read_frame(len(self) - 1 - position)


class SharedVideo(_FramesOf):
    """A video that several queries run over side by side: each frame is decoded once.

    All get the same tensor, so that a network may know a frame by it and encode it once.

    Args:
        video: The video.
        keep: Frames held, the ones read last; as many as the queries' read-ahead spans.
    """

    def __init__(self, video: Video, keep: int) -> None:
        super().__init__(video, video.frame_paths)
        self.keep = keep
        self._frames: OrderedDict[int, Tensor] = OrderedDict()
        self._lock = threading.Lock()

    def read_frame(self, position: int) -> Tensor:
        """Return one frame, uint8 `[3, H, W]` RGB."""
        with self._lock:  # held while decoding: whoever asks for the same frame waits for it
            if position not in self._frames:
                self._frames[position] = self.video.read_frame(position)
                if len(self._frames) > self.keep:
                    self._frames.popitem(last=False)
            return self._frames[position]

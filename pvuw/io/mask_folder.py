"""A folder of predicted masks: written in the background, a video appears whole or not at all."""

import queue
import shutil
import threading
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pvuw.errors import PvuwError
from pvuw.io.masks import write_id_map
from pvuw.types import FramePrediction

_PARTIAL = ".partial"


class MaskFolder:
    """Writes `<root>/<video>/<frame>.png` palette PNGs; a `FrameSink`.

    A video's frames are written by one background thread into a hidden folder beside its final
    place, which takes the video's name when the last frame is on disk. A video that breaks off, or
    a killed run, leaves nothing under the video's name. Several processes may write different
    videos into one folder.

    Args:
        root: The folder of all videos; made if missing.
        queue_frames: Frames that may wait for the disk before `write` blocks.
    """

    def __init__(self, root: Path, *, queue_frames: int = 16) -> None:
        self.root = root
        self._jobs: queue.Queue[tuple[Path, NDArray[np.uint8]] | None] = queue.Queue(queue_frames)
        self._error: OSError | None = None
        self._video_id = ""
        self._thread: threading.Thread | None = None
        root.mkdir(parents=True, exist_ok=True)

    def finished(self) -> set[str]:
        """Names of the videos that are there, all frames of them."""
        return {path.name for path in self.root.iterdir() if path.is_dir() and path.name[0] != "."}

    def remove_left_overs(self) -> None:
        """Remove what killed runs left half-written; only while nobody writes into the folder."""
        for left_over in self.root.glob(f".*{_PARTIAL}"):
            shutil.rmtree(left_over)

    @property
    def _partial(self) -> Path:
        return self.root / f".{self._video_id}{_PARTIAL}"

    def start_video(self, video_id: str, num_frames: int) -> None:
        """Open a video's hidden folder and the thread that fills it."""
        del num_frames
        self._video_id = video_id
        self._error = None
        self._partial.mkdir()
        self._thread = threading.Thread(target=self._work, name=f"write {video_id}", daemon=True)
        self._thread.start()

    def write(self, prediction: FramePrediction) -> None:
        """Hand a frame's id map to the writing thread.

        Raises:
            PvuwError: The disk refused an earlier frame of this video.
        """
        if self._error is not None:
            raise _refused(self._error)
        path = self._partial / f"{prediction.frame_name}.png"
        self._jobs.put((path, prediction.id_map.numpy()))

    def finish_video(self, error: str | None) -> None:
        """Wait for the disk, then give the folder its name, or remove it after an error.

        Raises:
            PvuwError: The disk refused a frame and nobody has been told yet.
        """
        if self._thread is None:
            return
        self._jobs.put(None)
        self._thread.join()
        self._thread = None
        if error is not None or self._error is not None:
            shutil.rmtree(self._partial)
            if error is None and self._error is not None:
                raise _refused(self._error)
            return
        final = self.root / self._video_id
        if final.exists():
            shutil.rmtree(final)
        self._partial.rename(final)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            if self._error is None:  # after a failure only drain, so that nobody blocks on put
                try:
                    write_id_map(*job)
                except OSError as error:
                    self._error = error


def _refused(error: OSError) -> PvuwError:
    return PvuwError(
        f"{error.filename}: could not be written ({error.strerror}); make room or give another "
        "--out, then run the same command again: finished videos are kept and skipped"
    )

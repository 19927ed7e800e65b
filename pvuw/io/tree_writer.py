"""Writes trees of masks in the background; what a query is answered appears whole or not at all."""

import os
import queue
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pvuw.errors import PvuwError
from pvuw.io.atomic import hidden_name
from pvuw.io.mask_store import IdMap
from pvuw.io.masks import write_id_map

PARTIAL = ".partial"

MaskWrite = Callable[[str, IdMap], None]
"""Takes name and id map, uint8 `[H, W]`, of a frame; the latter must not change any more."""


class MaskTreeWriter:
    """Writes `<root>/<query id>/<frame>.png` palette PNGs.

    A query's frames are written by one background thread into a hidden folder beside its final
    place, which takes the query's name when the last frame is on disk. A query that breaks off, or
    a killed run, leaves nothing under the query's name. Several queries may be open at once, and
    several processes may write different videos into one folder.

    Args:
        root: The folder of all videos; made if missing.
        queue_frames: Frames of a query that may wait for the disk before its writer blocks.
    """

    def __init__(self, root: Path, *, queue_frames: int = 16) -> None:
        self.root = root
        self.queue_frames = queue_frames
        root.mkdir(parents=True, exist_ok=True)

    def finished(self) -> set[str]:
        """Ids of the queries that are there, all frames of them."""
        found: set[str] = set()
        for video in _visible(self.root):
            inside = _visible(video) if video.is_dir() else []
            expressions = {f"{video.name}/{entry.name}" for entry in inside if entry.is_dir()}
            found |= expressions or ({video.name} if inside else set())
        return found

    def remove_left_overs(self) -> None:
        """Remove what killed runs left half-written; only while nobody writes into the folder."""
        for pattern in (f".*{PARTIAL}", f"*/.*{PARTIAL}"):
            for left_over in self.root.glob(pattern):
                self._drop(left_over)

    @contextmanager
    def masks_of(self, query_id: str) -> Iterator[MaskWrite]:
        """Take the masks of a query; a block left by an error leaves nothing of them.

        Raises:
            PvuwError: The disk refused a frame.
        """
        final = self.root / query_id
        partial = final.with_name(hidden_name(final.name, PARTIAL))
        partial.mkdir(parents=True)
        writer = _BackgroundWriter(partial, self.queue_frames, name=f"write {query_id}")
        try:
            try:
                yield writer.write
            finally:
                writer.join()
            writer.check()
        except BaseException:
            self._drop(partial)
            raise
        if final.exists():
            shutil.rmtree(final)
        partial.rename(final)

    def _drop(self, partial: Path) -> None:
        """Remove a hidden folder, and the video's around it if nothing else is in there."""
        shutil.rmtree(partial)
        if partial.parent != self.root and not any(partial.parent.iterdir()):
            partial.parent.rmdir()


def _visible(folder: Path | os.DirEntry[str]) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return [entry for entry in entries if entry.name[0] != "."]


class _BackgroundWriter:
    """A thread that writes id maps into one folder in the order they come."""

    def __init__(self, folder: Path, queue_frames: int, *, name: str) -> None:
        self._folder = folder
        self._jobs: queue.Queue[tuple[Path, IdMap] | None] = queue.Queue(queue_frames)
        self._error: OSError | None = None
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def write(self, frame_name: str, id_map: IdMap) -> None:
        """Hand a frame's id map to the thread, or raise what happened to an earlier one."""
        self.check()
        self._jobs.put((self._folder / f"{frame_name}.png", id_map))

    def join(self) -> None:
        """Wait for the disk."""
        self._jobs.put(None)
        self._thread.join()

    def check(self) -> None:
        """Return nothing unless the disk refused a frame."""
        if self._error is not None:
            raise _refused(self._error)

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

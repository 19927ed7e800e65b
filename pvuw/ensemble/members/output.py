"""An ensemble's folder: masks and a record of who was believed, each video whole or not at all."""

import json
import shutil
import threading
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from io import TextIOWrapper
from pathlib import Path
from typing import Any, Self

from pvuw.errors import DataError
from pvuw.io.atomic import write_text_atomic
from pvuw.io.mask_store import IdMap
from pvuw.io.masks import write_id_map

MARKER = "ensemble.json"
MASKS = "Annotations"
RECORDS = "agreement"
_PARTIAL = ".partial"
_WAITING = 8


def claim_folder(out: Path, summary: Mapping[str, Any]) -> None:
    """Make an ensemble's folder and note what goes into it.

    Args:
        out: The folder; videos in it that were made from other inputs are made again.
        summary: Method and members, for people to read.

    Raises:
        DataError: If the folder holds masks that something else wrote.
    """
    masks = out / MASKS
    if masks.is_dir() and any(masks.iterdir()) and not (out / MARKER).is_file():
        raise DataError(f"{masks}: holds masks that no ensemble wrote; give another --out")
    masks.mkdir(parents=True, exist_ok=True)
    for left_over in masks.glob(f".*{_PARTIAL}"):
        shutil.rmtree(left_over)
    for left_over in (out / RECORDS).glob(f".*{_PARTIAL}"):
        left_over.unlink()
    write_text_atomic(out / MARKER, json.dumps(summary, indent=1) + "\n")


def stamp_of(out: Path, video_id: str) -> str | None:
    """Return what a finished video was made from; None: it is not finished.

    Raises:
        DataError: If its record is not one of ours.
    """
    record = out / RECORDS / f"{video_id}.jsonl"
    if not (out / MASKS / video_id).is_dir() or not record.is_file():
        return None
    try:
        with record.open(encoding="utf-8") as lines:
            return str(json.loads(lines.readline())["stamp"])
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{record}: not written by pvuw; remove it and run again") from error


class VideoOutput:
    """Masks of one video and its record, written while the next frames are decided.

    Used as a context manager: the folder takes its name when the block succeeds, after an error
    nothing of the video is left.

    Args:
        out: The ensemble's folder.
        video_id: The video.
    """

    def __init__(self, out: Path, video_id: str) -> None:
        self._final = out / MASKS / video_id
        self._partial = out / MASKS / f".{video_id}{_PARTIAL}"
        self._record = out / RECORDS / f"{video_id}.jsonl"
        self._partial_record = self._record.with_name(f".{video_id}{_PARTIAL}")
        self._lines: TextIOWrapper | None = None
        self._writer = ThreadPoolExecutor(1, thread_name_prefix=f"write {video_id}")
        self._room = threading.Semaphore(_WAITING)
        self._failed: Future[None] | None = None

    def __enter__(self) -> Self:
        shutil.rmtree(self._partial, ignore_errors=True)
        self._partial.mkdir(parents=True)
        self._record.parent.mkdir(exist_ok=True)
        self._lines = self._partial_record.open("w", encoding="utf-8")
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        self._writer.shutdown(wait=True)
        assert self._lines is not None
        try:
            self._lines.close()
            self._raise_failure()
            if kind is None:
                self._finish()
        finally:
            shutil.rmtree(self._partial, ignore_errors=True)
            self._partial_record.unlink(missing_ok=True)

    def note(self, line: Mapping[str, Any]) -> None:
        """Add a line to the record; the first one holds the stamp."""
        assert self._lines is not None, "used outside of its block"
        self._lines.write(json.dumps(line, separators=(",", ":")) + "\n")

    def write(self, frame_name: str, id_map: IdMap) -> None:
        """Hand over a frame's id map, uint8 `[H, W]`, which must not change any more.

        Raises:
            DataError: If the disk refused an earlier frame.
        """
        self._raise_failure()
        self._room.acquire()
        path = self._partial / f"{frame_name}.png"
        self._writer.submit(write_id_map, path, id_map).add_done_callback(self._written)

    def _written(self, job: Future[None]) -> None:
        self._room.release()
        if job.exception() is not None and self._failed is None:
            self._failed = job

    def _raise_failure(self) -> None:
        failed = self._failed
        if failed is None:
            return
        error = failed.exception()
        if isinstance(error, OSError):
            raise DataError(
                f"{self._final}: cannot be written ({error.strerror}); make room or give another "
                "--out, then run the same command again: finished videos are kept"
            ) from error
        failed.result()

    def _finish(self) -> None:
        # In this order a kill at any moment leaves a video that counts as not finished.
        self._record.unlink(missing_ok=True)
        if self._final.exists():
            shutil.rmtree(self._final)
        self._partial_record.rename(self._record)
        self._partial.rename(self._final)

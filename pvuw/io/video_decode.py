"""Frames out of a video container through PyAV: which there are, and any one of them.

Importing this module needs no PyAV; calling it does. No torch.
"""

import warnings
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pvuw.errors import DataError

if TYPE_CHECKING:
    import av
    from av.container import InputContainer
    from av.video.stream import VideoStream
    from numpy.typing import NDArray

_INSTALL = "install PyAV: pip install 'pvuw-vos[video]'"
_AGAIN = "copy the file again or convert it to mp4"


@dataclass(frozen=True)
class FrameIndex:
    """What a pass over a file's packets tells, before anything but the first frame is decoded."""

    size_hw: tuple[int, int]
    """Of every frame, after rotation."""
    num_frames: int
    times: tuple[int, ...] | None
    """When each frame is shown, ascending, in units of the stream; None where the file does not
    say or says one time twice: such a file can only be read from its start."""
    key_frames: tuple[int, ...]
    """Positions that decoding can start at, ascending; empty without `times`."""


def scan(path: Path) -> FrameIndex:
    """Return what frames a video file has; reads all of it but decodes only the first frame.

    Raises:
        DataError: If PyAV is missing, or the file is no video, is cut short or holds no frame.
    """
    with _opened(path) as container:
        stream = _picture_stream(path, container)
        size_hw = _first_size(path, container, stream)
        container.seek(0)
        times: list[int | None] = []
        keys: set[int | None] = set()
        packets = shown_until = 0
        for packet in _packets(path, container, stream):
            packets += 1
            shown_until = max(shown_until, (packet.pts or 0) + (packet.duration or 0))
            if not packet.is_discard:  # else an edit list hides it
                times.append(packet.pts)
                keys |= {packet.pts} if packet.is_keyframe else set()
        expected, end = stream.frames, (stream.start_time or 0) + (stream.duration or 0)
    # A count beyond what comes out is no damage where the last picture is the last by time: AVI
    # counts empty chunks, which stand for "the same picture once more", mp4 what edit lists hide.
    if packets < expected and (stream.duration is None or shown_until < end):
        raise DataError(f"{path}: cut short, holds {packets} of {expected} frames; {_AGAIN}")
    known = sorted(time for time in times if time is not None)
    if len(set(known)) < len(times):
        return FrameIndex(size_hw, len(times), None, ())
    key_frames = tuple(i for i, time in enumerate(known) if time in keys)
    return FrameIndex(size_hw, len(times), tuple(known), key_frames)


class FrameReader:
    """An open file and the position decoding has come to.

    Frames read in order are decoded once each; any other starts at the key frame before it.

    Args:
        path: The file.
        index: From `scan`.
    """

    def __init__(self, path: Path, index: FrameIndex) -> None:
        self.path = path
        self.index = index
        self._position_of: dict[int | None, int] = {
            time: i for i, time in enumerate(index.times or ())
        }
        self._open()

    def close(self) -> None:
        """Close the file; nothing can be read any more."""
        self._container.close()

    def read(self, position: int) -> "NDArray[np.uint8]":
        """Return the pixels of a frame, uint8 `[H, W, 3]` RGB.

        Raises:
            DataError: If it cannot be decoded.
        """
        keys = self.index.key_frames
        start = keys[bisect_right(keys, position) - 1] if keys and keys[0] <= position else 0
        if position < self._next or start > self._next:
            self._seek(start)
        pixels = self._decode_until(position)
        if pixels is None and not self._from_start:
            # The container led to another place than it was asked for: from the start, then.
            self._restart()
            pixels = self._decode_until(position)
        if pixels is None:
            raise DataError(f"{self.path}: frame {position:05d} cannot be decoded; {_AGAIN}")
        return pixels

    def _open(self) -> None:
        self._container = _opened(self.path)
        self._stream = _picture_stream(self.path, self._container)
        self._frames = self._decoded()
        self._next = 0
        self._from_start = True

    def _restart(self) -> None:
        self.close()
        self._open()

    def _seek(self, key_frame: int) -> None:
        if self.index.times is None or key_frame == 0:
            self._restart()
            return
        from av.error import FFmpegError

        try:
            self._container.seek(self.index.times[key_frame], stream=self._stream)
        except FFmpegError:  # some containers cannot be entered in the middle
            self._restart()
            return
        self._frames = self._decoded()
        self._from_start = False

    def _decode_until(self, position: int) -> "NDArray[np.uint8] | None":
        """Return the frame at a position, or None if decoding passes it by or ends before it."""
        for frame in self._frames:
            found = self._next if self.index.times is None else self._position_of.get(frame.pts)
            if found is None:
                continue  # hidden by an edit list
            self._next = found + 1
            if found == position and not frame.is_corrupt:
                return _upright(self.path, frame)
            if found >= position:
                return None
        return None

    def _decoded(self) -> "Iterator[av.VideoFrame]":
        from av.error import FFmpegError

        try:
            yield from self._container.decode(self._stream)
        except FFmpegError as error:
            # Threads are a few frames ahead of what has come out.
            raise DataError(
                f"{self.path}: damaged near frame {self._next:05d} ({error.strerror}); {_AGAIN}"
            ) from error


def _opened(path: Path) -> "InputContainer":
    try:
        import av
        from av.error import FFmpegError
    except ImportError as error:
        raise DataError(f"{path}: reading video files needs a library; {_INSTALL}") from error
    try:
        # The prefix keeps a name such as `take:1.mp4` or `-` from being read as a protocol.
        container = av.open(f"file:{path}")
    except FFmpegError as error:
        raise DataError(
            f"{path}: not a readable video file ({error.strerror}); {_AGAIN}"
        ) from error
    return container


def _picture_stream(path: Path, container: "InputContainer") -> "VideoStream":
    """Return the stream that players show: the one marked as default, else the first.

    Cover pictures, which music and video shops attach, are no video.
    """
    from av.stream import Disposition

    videos = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not videos:
        container.close()
        raise DataError(f"{path}: holds no video stream; give a file with pictures")
    marked = [stream for stream in videos if stream.disposition & Disposition.default]
    stream = (marked or videos)[0]
    if len(videos) > 1:
        warnings.warn(
            f"{path}: holds {len(videos)} video streams; stream {stream.index}, "
            f"{stream.width}x{stream.height}, is read, the others are left out",
            stacklevel=2,
        )
    # Decoding a few frames at once on several cores; they still come out one by one, in order.
    stream.thread_type = "AUTO"
    return stream


def _first_size(path: Path, container: "InputContainer", stream: "VideoStream") -> tuple[int, int]:
    from av.error import FFmpegError

    try:
        frame = next(container.decode(stream), None)
    except FFmpegError as error:
        raise DataError(f"{path}: no frame can be decoded ({error.strerror}); {_AGAIN}") from error
    if frame is None:
        raise DataError(f"{path}: holds no frames; give a file with pictures")
    height, width, _ = _upright(path, frame).shape
    return height, width


def _packets(
    path: Path, container: "InputContainer", stream: "VideoStream"
) -> "Iterator[av.Packet[Any]]":
    from av.error import FFmpegError

    try:
        # The last packet is empty: it tells decoders to give out what they hold back.
        yield from (packet for packet in container.demux(stream) if packet.size)
    except FFmpegError as error:
        raise DataError(f"{path}: damaged ({error.strerror}); {_AGAIN}") from error


def _upright(path: Path, frame: "av.VideoFrame") -> "NDArray[np.uint8]":
    """Return a frame's pixels as players show them, uint8 `[H, W, 3]` RGB."""
    pixels = np.asarray(frame.to_ndarray(format="rgb24"), dtype=np.uint8)
    if frame.rotation % 90:
        raise DataError(
            f"{path}: is to be shown turned by {frame.rotation} degrees; convert it upright"
        )
    if _is_mirrored(frame):
        raise DataError(f"{path}: is to be shown mirrored; convert it to what players show")
    return np.ascontiguousarray(np.rot90(pixels, frame.rotation // 90))


def _is_mirrored(frame: "av.VideoFrame") -> bool:
    """Return whether the file asks players to mirror the frame, which `rotation` does not say."""
    matrix: Any = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return False
    a, b, _, c, d = np.frombuffer(matrix, dtype=np.int32, count=5).tolist()
    return bool(a * d - b * c < 0)

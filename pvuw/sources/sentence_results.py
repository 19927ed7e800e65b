"""Answers to sentences kept as run lengths in one JSON file, as Sa2VA's evaluation writes them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pvuw.errors import DataError
from pvuw.io.mask_tree import QueryKind
from pvuw.io.rle import ANY_SIZE, Rle, checked_rle
from pvuw.io.rle_masks import RleMasks
from pvuw.sources.json_file import JsonFile, Span, read_cached


@dataclass(frozen=True, slots=True)
class ResultMasks(RleMasks):
    """The answer to one sentence, found again by its video's byte range."""

    file: JsonFile
    span: Span
    """Where the answers about the video are."""
    expression: str
    num_frames: int

    def positions(self) -> Sequence[int]:
        """Return the positions of all frames that have an answer."""
        return range(self.num_frames)

    def rles(self, frame_idx: int) -> dict[int, Rle]:
        """Return the runs of the target, as object 1; nothing where it is not seen."""
        (answers,) = read_cached(self.file, (self.span,))
        runs = _masks(answers[self.expression])[frame_idx]
        rle = checked_rle(runs, ANY_SIZE, place=self.place(frame_idx))
        return {} if rle is None else {1: rle}

    def place(self, frame_idx: int) -> str:
        """Return file, expression and frame."""
        return f"{self.file.path}: expression {self.expression}, frame {frame_idx}"


class SentenceResults:
    """Reads `{video: {expression: {"prediction_masks": [run lengths or null, …]}}}`.

    An answer has one entry for each frame of its video, in order; it may also be the list itself.
    The file is walked once, a video at a time, and read again by byte range. Stands where a
    `MaskTree` does.

    Args:
        path: The file.
        frames: Names of the frames of each video there is.

    Raises:
        DataError: If it is not such a file.
    """

    def __init__(self, path: Path, frames: Mapping[str, Sequence[str]]) -> None:
        self.root = path
        self._frames = frames
        self._file = JsonFile.of(path)
        self._found: dict[str, tuple[Span, int]] = {}
        for video, answers, span in self._file.elements(()):
            if not isinstance(answers, dict):
                raise self._wrong(f"video {video!r}", answers)
            for expression, answer in answers.items():
                masks = _masks(answer)
                if not isinstance(masks, list):
                    raise self._wrong(f"{video}/{expression}", answer)
                self._found[f"{video}/{expression}"] = span, len(masks)

    @classmethod
    def is_one(cls, path: Path) -> bool:
        """Return whether a path is meant to be such a file."""
        return path.suffix.lower() == ".json" and not path.is_dir()

    def queries(self, kind: QueryKind | None = None) -> list[str]:
        """Return the ids of all answers, sorted.

        Raises:
            DataError: If answers about whole videos are asked for.
        """
        if kind == "video":
            raise DataError(f"{self.root}: holds answers to sentences; give a folder of id maps")
        return sorted(self._found)

    def folder(self, query_id: str) -> Path:
        """Return what names an answer in messages."""
        return self.root / query_id

    def frames(self, query_id: str) -> list[str]:
        """Return the names of the frames that have an answer."""
        if query_id not in self._found:
            return []
        names = list(self._frames.get(query_id.partition("/")[0], ()))
        count = self._found[query_id][1]
        return names[:count] + [f"entry {t}" for t in range(len(names), count)]

    def masks(self, query_id: str, frames: Sequence[str]) -> ResultMasks:
        """Return the answer to a sentence, by position in the video's frames."""
        span, count = self._found[query_id]
        return ResultMasks(self._file, span, query_id.partition("/")[2], min(count, len(frames)))

    def _wrong(self, place: str, found: Any) -> DataError:
        return DataError(
            f"{self.root}: {place}: must be a list with runs or null for each frame, or an object "
            f"with such a list as 'prediction_masks', got {type(found).__name__}"
        )


def _masks(answer: Any) -> Any:
    return answer.get("prediction_masks") if isinstance(answer, dict) else answer

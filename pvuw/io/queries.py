"""What is asked of a video: one answer, known by its id from the loader to the score."""

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from pvuw.errors import DataError
from pvuw.io.expressions import sentence_problem
from pvuw.io.listing import raise_lines
from pvuw.io.mask_store import MaskStore
from pvuw.io.videos import Video, no_masks_line

_WHOLE, _TAIL = 2**24, 2**14
"""Bytes of the first frame's file and of the others that tell whether frames are the same."""


class Query:
    """One thing asked of a video: what to follow, told by masks or in words.

    Following objects from their first masks is a video with one query. Queries of one video are
    run by one process, side by side.

    Not a dataclass: Lightning takes dataclass batches apart and refuses frozen ones.

    Args:
        query_id: `v`, the video's id, or `v/e` for expression `e` of the video; names the answer's
            folder.
        video: Its frames.
        prompt: Masks of the objects to follow, or a sentence that tells which they are.
        truth: Masks to score the answer against, where they are known.

    Raises:
        ValueError: If the id is no folder of an answer.
    """

    def __init__(
        self,
        query_id: str,
        video: Video,
        prompt: MaskStore | str,
        truth: MaskStore | None = None,
    ) -> None:
        parts = query_id.split("/")
        if len(parts) > 2 or any(not part or part[0] == "." for part in parts):
            raise ValueError(
                f"a query's id is `v` or `v/e`, no part empty or hidden, got {query_id!r}"
            )
        self.query_id = query_id
        self.video = video
        self.prompt = prompt
        self.truth = truth

    def __repr__(self) -> str:
        """Return what names the query in a log."""
        return f"Query({self.query_id!r}, {self.video!r})"

    @classmethod
    def of(cls, video: Video) -> "Query":
        """What the masks listed with a video ask: to follow their objects."""
        return cls(video.video_id, video, video.annotations, video.truth or None)

    def fingerprint(self) -> str:
        """Return a SHA-256 over what is asked: other frames or prompts have another one.

        Frames count by name, size of the file and its last 16 KiB, the first by all of it: another
        picture hardly ever has a file of the same length and the same end, and a long video costs
        one short reading a frame. Where the files lie does not count.

        What cannot be read counts by the reason; the query fails when it is run.
        """
        digest = hashlib.sha256(json.dumps(self.video.frame_names).encode())
        try:
            for position, path in enumerate(self.video.files()):
                digest.update(_file_end(path, _TAIL if position else _WHOLE))
            if isinstance(self.prompt, str):
                digest.update(self.prompt.encode())
            else:
                for position in self.prompt:
                    id_map = self.prompt.id_map(position, self.video.size_hw)
                    digest.update(f"{position} {id_map.shape}".encode() + id_map.tobytes())
        except (DataError, OSError) as error:
            digest.update(str(error).encode())
        return digest.hexdigest()

    def check(self, *, scored: bool = False) -> None:
        """Return nothing if the video is in order and has what prompts.

        Args:
            scored: The answer is to be scored, so that there must be a truth too.

        Raises:
            DataError: If the video or the sentence is broken, or a kind of mask is missing
                altogether.
        """
        self.video.check()
        if isinstance(self.prompt, str):
            if (problem := sentence_problem(self.prompt)) is not None:
                raise DataError(f"{self.query_id}: the sentence {problem}")
        elif not self.prompt:
            raise DataError(no_masks_line(self.video, "annotation"))
        if scored and (not self.truth):
            raise DataError(no_masks_line(self.video, "truth"))


def _file_end(path: Path, length: int) -> bytes:
    """Size of a file and its last bytes."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - length))
        return f"{size} ".encode() + file.read()


def require_scorable(queries: Iterable[Query]) -> None:
    """Return nothing if every query can be run and scored.

    Raises:
        DataError: With one line for each broken one, the first ten of them.
    """
    lines = []
    for query in queries:
        try:
            query.check(scored=True)
        except DataError as error:
            lines.append(str(error))
    raise_lines(lines)


def distinct(queries: Sequence[Query]) -> list[Query]:
    """Return the queries, or refuse those whose answers would overwrite each other.

    Raises:
        DataError: If two have one id, or a video is asked for both as a whole and by expression.
    """
    counts = Counter(query.query_id for query in queries)
    raise_lines(
        [
            f"video {query_id}: found in {count} of the given folders; list it in one of them only"
            for query_id, count in counts.items()
            if count > 1
        ]
    )
    raise_lines(
        [
            f"{query_id}: video {whole} is asked for as a whole too; leave out one of them"
            for query_id in counts
            if (whole := query_id.rpartition("/")[0]) in counts
        ]
    )
    return list(queries)

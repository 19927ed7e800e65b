"""`meta_expressions.json`: what MeViS and Ref-YouTube-VOS ask of videos, whatever their masks."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pvuw.errors import DataError
from pvuw.io.expressions import sentence_problem
from pvuw.io.text import read_json
from pvuw.sources.json_file import member


@dataclass(frozen=True, slots=True)
class AskedVideo:
    """What a file of sentences asks of a video."""

    expressions: tuple[str, ...]
    """Ids of its sentences."""
    frames: tuple[str, ...]
    """Stems of the frames to answer for; empty: all there are."""


def listed_questions(path: Path, *, leave_out: Path | None = None) -> dict[str, AskedVideo]:
    """Return what is asked of each video, of splits without public masks too.

    Args:
        path: A file `meta_expressions.json`, of MeViS or of Ref-YouTube-VOS.
        leave_out: Another one, whose videos are left out if it exists: Ref-YouTube-VOS lists the
            videos of `test` under `valid` too.

    Raises:
        DataError: If one is missing or not as it should be.
    """
    others = set() if leave_out is None or not leave_out.is_file() else {*_ids(leave_out)}
    return {
        video_id: AskedVideo(
            tuple(member(video, "expressions", place=place, kind=dict)),
            listed_frames(video, place=place) if video.get("frames") else (),
        )
        for video_id, place, video in listed_videos(path)
        if video_id not in others
    }


def _ids(path: Path) -> Iterator[str]:
    return (video_id for video_id, _, _ in listed_videos(path))


def listed_videos(path: Path) -> Iterator[tuple[str, str, Any]]:
    """Yield id, place for messages, and content of each video of a file of sentences.

    Args:
        path: A file `meta_expressions.json`, of MeViS or of Ref-YouTube-VOS.

    Raises:
        DataError: If it is missing, not as it should be, or has an id twice.
    """
    content = read_json(path, what="the sentences, as MeViS publishes them", unique=True)
    for video_id, video in member(content, "videos", place=str(path), kind=dict).items():
        yield video_id, f"{path}: video {video_id!r}", video


def listed_frames(video: Any, *, place: str) -> tuple[str, ...]:
    """Return the stems of the frames a listed video names, at least one.

    Raises:
        DataError: If it names none, or one twice.
    """
    stems = member(video, "frames", place=place, kind=list)
    if not stems:
        raise DataError(f"{place}: names no frames; use the official file")
    if len(set(stems)) < len(stems):
        twice = next(stem for stem in stems if stems.count(stem) > 1)
        raise DataError(f"{place}: names frame {twice} twice; use the official file")
    return tuple(sys.intern(stem) for stem in stems)


def listed_text(sentence: Any, *, place: str) -> str:
    """Return a sentence.

    Raises:
        DataError: If it is empty, too long or cannot be written.
    """
    text: str = member(sentence, "exp", place=place, kind=str)
    if (problem := sentence_problem(text)) is not None:
        raise DataError(f"{place}: the sentence {problem}")
    return text

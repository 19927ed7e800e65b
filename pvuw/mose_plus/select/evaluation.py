"""Videos that results are judged by: their names, and their frames where they are at hand."""

import re
import unicodedata
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from pvuw.errors import DataError
from pvuw.io.folder import list_folder, list_names, missing_reason
from pvuw.io.frame_order import natural_key
from pvuw.io.text import plain_id, read_ids, read_json
from pvuw.io.videos import FolderFiles
from pvuw.mose_plus.config import BUILT_IN, NONE, EvaluationConfig
from pvuw.sources.keys import VideoKey

EVALUATION = "evaluation"
"""Source under which evaluation videos appear beside candidates."""
_PIECES = re.compile(r"[\s,;\"'`]+")
_FILE_SUFFIXES = frozenset({".mp4", ".txt", ".jpg", ".png", ".json", ".zip"})
_FRAMES = frozenset({".jpg", ".jpeg", ".png"})
_BUILT_IN_FOLDER = Path(__file__).parent / "evaluation_lists"
_BUILT_IN_NAMES = frozenset(path.stem for path in _BUILT_IN_FOLDER.glob("davis_*.txt"))


@dataclass(frozen=True, slots=True)
class EvaluationVideo:
    """One video that must never be trained on."""

    list_name: str
    """The list or folder that names it, for the reason given to the user."""
    video_id: str
    frames: FolderFiles | None = None
    """Its frames in time order; None where only the name is known."""

    @property
    def key(self) -> VideoKey:
        """Name beside those of candidates."""
        return VideoKey(EVALUATION, self.list_name, self.video_id)


def read_evaluation(config: EvaluationConfig) -> list[EvaluationVideo]:
    """Return all evaluation videos the settings name.

    Raises:
        DataError: If no MOSE list is given, or a list or folder is missing, empty or unreadable.
    """
    if not config.mose:
        raise DataError(
            "evaluation.mose: names no list, so MOSE's own valid and test videos could end up in "
            "training; give the folder MOSE/valid or a file with the ids, or write `mose: none` "
            "to do without"
        )
    videos = [video for entry in _given(config.mose) for video in _read_entry(Path(entry))]
    for entry in _given(config.davis):
        videos += _read_built_in() if entry == BUILT_IN else _read_entry(Path(entry))
    videos += [video for entry in _given(config.others) for video in _read_entry(Path(entry))]
    return list({video.key: video for video in videos}.values())


def unmatched_ids(
    evaluation: Sequence[EvaluationVideo], candidates: Collection[str]
) -> dict[str, list[str]]:
    """Return by list the ids that no candidate has: these keep nothing out of training.

    Most lists name videos that no source has, so that alone is no error. An id that is written in
    another way than the candidate it must mean is one.

    Args:
        evaluation: From `read_evaluation`.
        candidates: Ids of all videos that could be trained on.

    Raises:
        DataError: If an id differs from a candidate's in case, quotes, folders or a suffix only.
    """
    by_meaning = {_meaning(video_id): video_id for video_id in candidates}
    unmatched: dict[str, list[str]] = {}
    for video in evaluation:
        if video.video_id in candidates:
            continue
        for piece in _PIECES.split(video.video_id):
            if meant := by_meaning.get(_meaning(piece)):
                raise DataError(
                    f"{video.list_name}: names {video.video_id!r}, which no source has, but there "
                    f"is {meant!r}; write one id a line, exactly as the video's folder is called"
                )
        if video.list_name not in _BUILT_IN_NAMES:
            unmatched.setdefault(video.list_name, []).append(video.video_id)
    return unmatched


def _meaning(written: str) -> str:
    """Return what an id and other ways of writing it have in common; empty for no id."""
    name = PurePath(unicodedata.normalize("NFC", written).casefold().replace("\\", "/")).name
    suffix = PurePath(name).suffix
    return name.removesuffix(suffix) if suffix in _FILE_SUFFIXES else name


def _given(entries: Sequence[str]) -> Sequence[str]:
    if NONE in entries and len(entries) > 1:
        raise DataError(f"evaluation: `none` stands beside {entries[0]!r}; write one or the other")
    return () if NONE in entries else entries


def _read_built_in() -> list[EvaluationVideo]:
    files = sorted(_BUILT_IN_FOLDER.glob("davis_*.txt"))
    return [video for file in files for video in _read_text(file)]


def _read_entry(path: Path) -> list[EvaluationVideo]:
    if path.is_dir():
        videos = list(_read_folder(path))
    elif path.suffix.lower() == ".json":
        videos = _read_json(path)
    else:
        videos = _read_text(path)
    if not videos:
        raise DataError(f"{path}: names no video; give a list of ids or a folder of videos")
    return videos


def _read_folder(path: Path) -> Iterator[EvaluationVideo]:
    images = path / "JPEGImages" if (path / "JPEGImages").is_dir() else path
    found = list_folder(images)
    if found.lost:
        link = images / found.lost[0]
        raise DataError(f"{link}: {missing_reason(link, 'missing')}; mount it or remove the link")
    for video_id in found.folders:
        folder = images / video_id
        names = [name for name in list_names(folder) if PurePath(name).suffix.lower() in _FRAMES]
        frames = FolderFiles(folder, sorted(names, key=natural_key)) if names else None
        yield EvaluationVideo(str(path), video_id, frames)


def _read_text(path: Path) -> list[EvaluationVideo]:
    name = path.stem if path.parent == _BUILT_IN_FOLDER else str(path)
    return [EvaluationVideo(name, video_id) for video_id in read_ids(path)]


def _read_json(path: Path) -> list[EvaluationVideo]:
    content = read_json(path, what="a file such as MOSE's meta.json")
    videos = content.get("videos") if isinstance(content, dict) else None
    if not isinstance(videos, dict | list):
        raise DataError(f'{path}: has no "videos"; give a file such as MOSE\'s meta.json')
    return [EvaluationVideo(str(path), plain_id(str(video_id))) for video_id in videos]

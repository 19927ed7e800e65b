"""What sentences ask of videos: the queries of a data set's sentences, and of a user's own."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pvuw.errors import DataError
from pvuw.io.folder import shorten
from pvuw.io.mask_store import UnionMasks
from pvuw.io.queries import Query
from pvuw.io.records import VideoRecord
from pvuw.io.text import read_text
from pvuw.io.videos import FolderFiles, Video
from pvuw.sources.json_file import member
from pvuw.sources.mevis import FACTS, MevisReader
from pvuw.sources.ref_youtube_vos import only_frames
from pvuw.sources.sentences_file import listed_frames, listed_videos

_FILES = (".json", ".txt")


def queries_of(record: VideoRecord) -> list[Query]:
    """Return what each sentence about a video asks, with the union of its objects as truth."""
    video = Video(record.video_id, FolderFiles(record.frame_dir, record.frame_files))
    return [
        Query(
            f"{record.video_id}/{sentence.expression_id}",
            video,
            sentence.text,
            UnionMasks(record.store, (sentence.object_ids,)),
        )
        for sentence in record.expressions
    ]


def truths_asked_of(videos: Sequence[Video], folder: Path) -> list[Query]:
    """Return what a split of MeViS asks of some videos, with the truth; others are left out.

    Args:
        videos: Frames, wherever they are.
        folder: Holds `meta_expressions.json` and `mask_dict.json`.

    Raises:
        DataError: If a file is missing or not as it should be.
    """
    folder, by_id = folder.resolve(), {video.video_id: video for video in videos}
    queries = []
    for record in MevisReader(FACTS, folder.parent, split=folder.name, frames=False).records():
        if record.video_id not in by_id:
            continue
        place = f"{folder}: video {record.video_id!r}"
        video = by_id[record.video_id]
        try:
            video = only_frames(video, list(record.frame_names), place)
        except DataError as error:
            video = Video(video.video_id, video.frame_paths, problem=str(error))
        for sentence in record.expressions:
            query_id = f"{record.video_id}/{sentence.expression_id}"
            truth = UnionMasks(record.store, (sentence.object_ids,))
            queries.append(Query(query_id, video, sentence.text, truth))
    return queries


def asked_by(text: str | Path, videos: Sequence[Video], *, images: Path) -> list[Query]:
    """Return what some text asks of videos.

    What is wrong with one sentence or one video is told when its query is run (`Query.check`), so
    that a prediction run can finish the others.

    Args:
        text: A sentence, asked of every video; or a file: `.json` in MeViS' layout, or `.txt` with
            lines `video<TAB>sentence`.
        videos: Those there are.
        images: Where they are, for messages.

    Raises:
        DataError: If the file is missing, not as it should be, or asks nothing.
    """
    if not str(text).lower().endswith(_FILES):
        return [Query(f"{video.video_id}/0", video, str(text)) for video in videos]
    path, by_id = Path(text), {video.video_id: video for video in videos}
    asked = _asked_by_json if path.suffix.lower() == ".json" else _asked_by_lines
    queries = list(asked(path, by_id, images))
    if not queries:
        raise DataError(f"{path}: asks nothing; write what to follow")
    return queries


def _asked_by_json(path: Path, videos: Mapping[str, Video], images: Path) -> Iterator[Query]:
    for video_id, place, content in listed_videos(path):
        sentences = member(content, "expressions", place=place, kind=dict)
        video = _found(video_id, videos, place, images)
        if "frames" in content and video.problem is None:
            try:
                video = only_frames(video, listed_frames(content, place=place), place)
            except DataError as error:
                video = Video(video_id, video.frame_paths, problem=str(error))
        for number, sentence in sentences.items():
            where = f"{place}, expression {number}"
            yield _query(f"{video_id}/{number}", video, sentence, where)


def _asked_by_lines(path: Path, videos: Mapping[str, Video], images: Path) -> Iterator[Query]:
    counts: dict[str, int] = {}
    text = read_text(path, what="sentences, one line `video<TAB>sentence` each")
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        video_id, tab, sentence = line.partition("\t")
        if not tab:
            raise DataError(
                f"{path}, line {number}: has no tab; write the video's name, a tab and the sentence"
            )
        video_id = video_id.strip()
        counts[video_id] = counts.get(video_id, -1) + 1
        video = _found(video_id, videos, f"{path}, line {number}", images)
        yield _query(
            f"{video_id}/{counts[video_id]}", video, {"exp": sentence}, f"{path}, line {number}"
        )


def _query(query_id: str, video: Video, sentence: object, place: str) -> Query:
    text = member(sentence, "exp", place=place, kind=str)
    try:
        return Query(query_id, video, text)
    except ValueError as error:
        raise DataError(f"{place}: {error}; rename it") from error


def _found(video_id: str, videos: Mapping[str, Video], place: str, images: Path) -> Video:
    if video_id in videos:
        return videos[video_id]
    problem = (
        f"{place}: no such video in {images} (there are {shorten(sorted(videos))}); add its frames"
    )
    return Video(video_id, FolderFiles(images / video_id, []), problem=problem)

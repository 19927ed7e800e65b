"""Whether a folder of predictions is what a server accepts: every problem, not just the first."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from pvuw.errors import DataError
from pvuw.io.folder import shorten
from pvuw.io.listing import VideoFolder, list_videos
from pvuw.io.mask_tree import MaskTree
from pvuw.io.videos import Video
from pvuw.parallel import map_in_order
from pvuw.submit.formats import SubmissionFormat
from pvuw.submit.mask_check import MaskFindings, MaskTask, check_masks
from pvuw.submit.names import match_names

_MASKS_PER_TASK = 100


class Asked(Protocol):
    """What a server asks of one video."""

    @property
    def expressions(self) -> Sequence[str]:
        """Ids of the sentences."""

    @property
    def frames(self) -> Sequence[str]:
        """Names of the frames to answer for; none: all there are."""


@dataclass
class Submission:
    """Masks that are to be packed, and why they may not be."""

    masks: dict[str, list[Path]] = field(default_factory=dict)
    """The mask of every frame by query, both in order."""
    problems: list[str] = field(default_factory=list)
    """One line each, by video and frame; empty exactly if the server would accept the masks."""
    object_ids: dict[str, frozenset[int]] = field(default_factory=dict)
    """Ids that the given masks of each query name; nothing of formats without such masks."""
    seen_ids: dict[str, set[int]] = field(default_factory=dict)
    """Ids that each query's masks hold."""

    @property
    def num_masks(self) -> int:
        """Masks of all videos."""
        return sum(map(len, self.masks.values()))

    @property
    def notes(self) -> list[str]:
        """One line for each video that never shows one of its objects: allowed, rarely meant."""
        return [
            f"{query_id}: no mask shows object {', '.join(map(str, sorted(lost)))}"
            for query_id, ids in self.object_ids.items()
            if (lost := ids - self.seen_ids[query_id])
        ]


class SubmissionCheck:
    """Checks a folder of predictions against images and first-frame masks.

    Names are compared at once; `findings` then reads every mask, in several processes.

    Args:
        predictions: Tree of the masks.
        folder: Images, and the masks given with them, of the videos that are asked for.
        rules: Of the server.
        asked: Sentences and frames of each video, where the server asks by sentences. All these
            videos must have images, unless the folder names its videos.

    Raises:
        DataError: If one of the folders cannot be listed at all, or holds masks of another kind.
    """

    def __init__(
        self,
        predictions: MaskTree,
        folder: VideoFolder,
        rules: SubmissionFormat,
        asked: Mapping[str, Asked] | None = None,
    ) -> None:
        self.predictions = predictions
        self.rules = rules
        self.submission = Submission()
        self._tasks: list[MaskTask] = []
        self._by_query: dict[str, list[str]] = {}
        videos = list_videos(folder)
        for video in videos:
            if asked is None:
                self._check_video(video, [video.video_id], ())
            elif question := asked.get(video.video_id):
                query_ids = [f"{video.video_id}/{e}" for e in question.expressions]
                self._check_video(video, query_ids, question.frames)
        self._extra = self._extra_queries(set(self._by_query))
        if asked is not None and folder.videos is None:
            self._extra += [
                f"{folder.images / video_id}: no such folder, though sentences are about this "
                "video; add its frames, or name the videos to submit with --videos"
                for video_id in sorted(asked.keys() - {video.video_id for video in videos})
            ]

    @property
    def num_masks(self) -> int:
        """Masks that `findings` will read."""
        return sum(len(task.masks) for task in self._tasks)

    def findings(self, *, workers: int) -> Iterator[int]:
        """Read all masks, yielding how many more were read; `result` is complete afterwards.

        Args:
            workers: Processes.
        """
        done: Iterator[MaskFindings] = map_in_order(
            check_masks, self._tasks, workers=workers, name=lambda task: str(task.masks[0])
        )
        for task, found in zip(self._tasks, done, strict=True):
            self._by_query[found.query_id] += found.problems
            self.submission.seen_ids[found.query_id] |= found.seen_ids
            yield len(task.masks)

    def result(self) -> Submission:
        """Return the masks and everything that is wrong with them."""
        lines = [line for query_id in sorted(self._by_query) for line in self._by_query[query_id]]
        self.submission.problems = lines + self._extra
        return self.submission

    def _check_video(self, video: Video, query_ids: Sequence[str], frames: Sequence[str]) -> None:
        """Plan the reading of a video's answers, and take what names already tell."""
        try:
            video.check()
            object_ids, frame_size_hw = self._object_ids(video), _common_size(video)
            if lost := sorted(set(frames) - set(video.frame_names)):
                raise DataError(
                    f"video {video.video_id}: the sentences' file names {len(lost)} frames that "
                    f"are not among the images ({shorten(lost)}); extract the frames again"
                )
        except DataError as error:
            self._by_query.update((query_id, [str(error)]) for query_id in query_ids)
            return
        for query_id in query_ids:
            self._by_query[query_id] = self._check_names(
                query_id, video, frames or video.frame_names, object_ids, frame_size_hw
            )

    def _check_names(
        self,
        query_id: str,
        video: Video,
        frame_names: Sequence[str],
        object_ids: frozenset[int] | None,
        frame_size_hw: tuple[int, int] | None,
    ) -> list[str]:
        names = match_names(self.predictions.folder(query_id), frame_names, what=self.rules.kind)
        frame_of = dict(zip(video.frame_names, video.frame_paths, strict=True))
        for start in range(0, len(names.masks), _MASKS_PER_TASK):
            masks = names.masks[start : start + _MASKS_PER_TASK]
            frames = [frame_of[mask.stem] for mask in masks]
            task = MaskTask(query_id, masks, frames, frame_size_hw, object_ids)
            self._tasks.append(task)
        self.submission.masks[query_id] = names.masks
        self.submission.seen_ids[query_id] = set()
        if object_ids is not None:
            self.submission.object_ids[query_id] = object_ids
        return names.problems

    def _object_ids(self, video: Video) -> frozenset[int] | None:
        """Return the ids that the video's given masks name; None where the format has no such.

        Raises:
            DataError: If it has no such mask, or one that cannot be read or shows nothing.
        """
        if self.rules.ids_from is None:
            return None
        video.check_prompts()
        ids: set[int] = set()
        for position in video.annotations:
            ids |= set(video.annotations.visible_ids(position))
            if ids and self.rules.ids_from == "first":
                break
        if not ids:
            raise DataError(
                f"{video.annotations.place(next(iter(video.annotations)))}: shows no object, so "
                "the video's ids are unknown; give the folder of first-frame masks as --annotations"
            )
        return frozenset(ids)

    def _extra_queries(self, known: set[str]) -> list[str]:
        place = "the images" if self.rules.kind == "video" else "the sentences"
        return [
            f"{self.predictions.folder(query_id)}: no such {self.rules.kind} among {place}; remove "
            "it, or name the videos with --videos"
            for query_id in self.predictions.queries(self.rules.kind)
            if query_id not in known
        ]


def _common_size(video: Video) -> tuple[int, int] | None:
    """Return the size of all frames, or None where each is a file of its own that says it."""
    return None if video.frame_paths[0].is_file() else video.size_hw


def check_submission(
    predictions: MaskTree, folder: VideoFolder, rules: SubmissionFormat, *, workers: int = 1
) -> Submission:
    """Return the masks of a submission and everything that is wrong with them.

    Args:
        predictions: Tree of the masks.
        folder: Images and first-frame masks of the videos that are asked for.
        rules: Of the server.
        workers: Processes.

    Raises:
        DataError: If one of the folders cannot be listed at all.
    """
    check = SubmissionCheck(predictions, folder, rules)
    for _ in check.findings(workers=workers):
        pass
    return check.result()


def summary(submission: Submission) -> Sequence[str]:
    """Return one line per note, then what the submission holds."""
    objects = sum(map(len, submission.object_ids.values()))
    videos = {query_id.split("/")[0] for query_id in submission.masks}
    counts = [f"{len(videos)} videos", f"{submission.num_masks} masks"]
    if len(submission.masks) > len(videos):
        counts.insert(1, f"{len(submission.masks)} expressions")
    if submission.object_ids:
        counts.append(f"{objects} objects")
    return [*(f"note: {note}" for note in submission.notes), ", ".join(counts)]

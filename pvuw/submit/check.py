"""Whether a folder of predictions is what a server accepts: every problem, not just the first."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pvuw.errors import DataError
from pvuw.io.folder import is_left_over
from pvuw.io.listing import VideoFolder, list_videos
from pvuw.io.masks import read_id_map
from pvuw.io.videos import Video
from pvuw.parallel import map_in_order
from pvuw.submit.formats import SubmissionFormat
from pvuw.submit.mask_check import MaskFindings, MaskTask, check_masks
from pvuw.submit.names import match_names

_MASKS_PER_TASK = 100


@dataclass
class Submission:
    """Masks that are to be packed, and why they may not be."""

    masks: dict[str, list[Path]] = field(default_factory=dict)
    """The mask of every frame by video, both in order."""
    problems: list[str] = field(default_factory=list)
    """One line each, by video and frame; empty exactly if the server would accept the masks."""
    object_ids: dict[str, frozenset[int]] = field(default_factory=dict)
    """Ids of each video's first-frame masks."""
    seen_ids: dict[str, set[int]] = field(default_factory=dict)
    """Ids that each video's masks hold."""

    @property
    def num_masks(self) -> int:
        """Masks of all videos."""
        return sum(map(len, self.masks.values()))

    @property
    def notes(self) -> list[str]:
        """One line for each video that never shows one of its objects: allowed, rarely meant."""
        return [
            f"{video_id}: no mask shows object {', '.join(map(str, sorted(lost)))}"
            for video_id, ids in self.object_ids.items()
            if (lost := ids - self.seen_ids[video_id])
        ]


class SubmissionCheck:
    """Checks a folder of predictions against images and first-frame masks.

    Names are compared at once; `findings` then reads every mask, in several processes.

    Args:
        predictions: Folder with `<video>/<frame>.png`.
        folder: Images and first-frame masks of the videos that are asked for.
        rules: Of the server.

    Raises:
        DataError: If one of the folders cannot be listed at all.
    """

    def __init__(self, predictions: Path, folder: VideoFolder, rules: SubmissionFormat) -> None:
        self.predictions = predictions
        self.rules = rules
        self.submission = Submission()
        self._tasks: list[MaskTask] = []
        self._by_video: dict[str, list[str]] = {}
        videos = list_videos(folder)
        for video in videos:
            self._by_video[video.video_id] = self._check_names(video)
        self._extra = self._extra_videos({video.video_id for video in videos})

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
            self._by_video[found.video_id] += found.problems
            self.submission.seen_ids[found.video_id] |= found.seen_ids
            yield len(task.masks)

    def result(self) -> Submission:
        """Return the masks and everything that is wrong with them."""
        lines = [line for video_id in sorted(self._by_video) for line in self._by_video[video_id]]
        self.submission.problems = lines + self._extra
        return self.submission

    def _check_names(self, video: Video) -> list[str]:
        """Plan the reading of a video's masks; return what their names already tell."""
        if video.problem is not None:
            return [video.problem]
        try:
            object_ids, frame_size_hw = self._object_ids(video), _common_size(video)
        except DataError as error:
            return [str(error)]
        names = match_names(self.predictions / video.video_id, video.frame_names)
        frame_of = dict(zip(video.frame_names, video.frame_paths, strict=True))
        for start in range(0, len(names.masks), _MASKS_PER_TASK):
            masks = names.masks[start : start + _MASKS_PER_TASK]
            frames = [frame_of[mask.stem] for mask in masks]
            task = MaskTask(video.video_id, masks, frames, frame_size_hw, object_ids)
            self._tasks.append(task)
        self.submission.masks[video.video_id] = names.masks
        self.submission.object_ids[video.video_id] = object_ids
        self.submission.seen_ids[video.video_id] = set()
        return names.problems

    def _object_ids(self, video: Video) -> frozenset[int]:
        """Return the ids that the video's first-frame masks give to a tracker.

        Raises:
            DataError: If it has no such mask, or one that cannot be read or shows nothing.
        """
        video.check_prompts()
        ids: set[int] = set()
        for position in sorted(video.annotation_paths):
            id_map = read_id_map(video.annotation_paths[position], void_id=video.void_id)
            ids |= set(id_map.ravel().tolist()) - {0}
            if ids and not self.rules.late_objects:
                break
        if not ids:
            raise DataError(
                f"{video.annotation_paths[min(video.annotation_paths)]}: shows no object, so the "
                "video's ids are unknown; give the folder of first-frame masks as --annotations"
            )
        return frozenset(ids)

    def _extra_videos(self, known: set[str]) -> list[str]:
        return [
            f"{item}: no such video among the images; remove it, or name the videos with --videos"
            for item in sorted(self.predictions.iterdir())
            if item.is_dir() and item.name not in known and not is_left_over(item.name)
        ]


def _common_size(video: Video) -> tuple[int, int] | None:
    """Return the size of all frames, or None where each is a file of its own that says it."""
    return None if video.frame_paths[0].is_file() else video.size_hw


def check_submission(
    predictions: Path, folder: VideoFolder, rules: SubmissionFormat, *, workers: int = 1
) -> Submission:
    """Return the masks of a submission and everything that is wrong with them.

    Args:
        predictions: Folder with `<video>/<frame>.png`.
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
    videos = len(submission.masks)
    objects = sum(map(len, submission.object_ids.values()))
    return [
        *(f"note: {note}" for note in submission.notes),
        f"{videos} videos, {submission.num_masks} masks, {objects} objects",
    ]

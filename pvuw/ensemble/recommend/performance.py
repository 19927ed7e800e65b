"""What predicted folders scored, as rows of the performance database."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pvuw.ensemble.fuse.evidence import Evidence
from pvuw.ensemble.fuse.fusion import Fuser
from pvuw.ensemble.members.folders import Member, MemberFrames
from pvuw.ensemble.recommend.database import PerformanceRow
from pvuw.ensemble.recommend.features import FeatureStream
from pvuw.ensemble.recommend.video_meter import VideoMeter
from pvuw.errors import DataError
from pvuw.io.frame_order import in_order
from pvuw.io.mask_store import IdMap
from pvuw.io.masks import VoidId, read_id_map
from pvuw.io.text import read_text
from pvuw.metrics.protocols import get_protocol
from pvuw.traits.pixels import read_reduced

_PICTURE_SIDE = 192
"""Pixels that both sides of a picture keep at least: features need no more."""


@dataclass(frozen=True)
class RecordTask:
    """One video whose members' masks are to be scored."""

    video_id: str
    members: tuple[Member, ...]
    """All that are scored; with two and more, their fusion is the pseudo-label."""
    truth: Path
    """Folder with `<video>/<frame>.png`."""
    data_set: str
    protocol: str
    void_id: VoidId
    images: Path | None = None
    label: Path | None = None
    """Pseudo-label, `<video>/<frame>.png`; None: the members' fusion, weights all the same."""


@dataclass
class RecordedVideo:
    """Rows of a video, or why there are none."""

    video_id: str
    rows: list[PerformanceRow]
    problem: str | None = None


def record_video(task: RecordTask) -> RecordedVideo:
    """Return the rows of a video; what is wrong with it is told, not raised.

    Scored are the masks as an ensemble uses them: exchanged ids put right, sizes made the same.
    """
    try:
        return RecordedVideo(task.video_id, _measure(task))
    except (DataError, ValueError) as error:
        return RecordedVideo(task.video_id, [], str(error))


def read_scene(path: Path) -> IdMap:
    """Return a frame as features are measured on it, RGB uint8 `[h, w, 3]`, not always full size.

    Raises:
        DataError: If it cannot be read.
    """
    return read_reduced(path, "RGB", min_side=_PICTURE_SIDE)


def _measure(task: RecordTask) -> list[PerformanceRow]:
    names = mask_names(task.truth / task.video_id)
    counting = get_protocol(task.protocol).scored_frames(len(names))
    frames = MemberFrames(task.members, task.video_id, images=task.images)
    fuser = Fuser(Evidence(frames, [1.0] * len(task.members)))
    meter = VideoMeter(
        [member.name for member in task.members],
        data_set=task.data_set,
        video_id=task.video_id,
        protocol=task.protocol,
    )
    where = {name: position for position, name in enumerate(frames.frame_names)}
    label: IdMap | None = None
    for place, name in enumerate(names):
        truth = read_id_map(task.truth / task.video_id / f"{name}.png", void_id=task.void_id)
        if name not in where:
            raise DataError(f"{task.video_id}: no member has frame {name}; predict every frame")
        label = fuser.answer(where[name], label)
        seen = label if task.label is None else _read_label(task, name)
        # A frame that does not count need not be there.
        absent = None if place in counting else truth
        masks = _masks(task, fuser.evidence.read(where[name]), name=name, absent=absent)
        _check_sizes(task, name, [truth, seen, *masks.values()])
        frame = None if task.images is None else read_scene(frames.image_paths[where[name]])
        meter.update(truth, seen, masks, frame=frame)
    return meter.rows()


def _check_sizes(task: RecordTask, name: str, maps: Sequence[IdMap]) -> None:
    sizes = {id_map.shape for id_map in maps}
    if len(sizes) > 1:
        found = " and ".join(f"{width}x{height}" for height, width in sorted(sizes))
        raise DataError(
            f"{task.truth / task.video_id / name}.png: truth, pseudo-label and members are "
            f"{found}; give --images of the truth's size, or masks of it"
        )


def _masks(
    task: RecordTask, maps: Sequence[IdMap | None], *, name: str, absent: IdMap | None
) -> dict[str, IdMap]:
    """Return each member's masks of a frame; `absent` stands in where a frame need not be there."""
    masks = {}
    for member, id_map in zip(task.members, maps, strict=True):
        stands_in = absent if id_map is None else id_map
        if stands_in is None:
            raise DataError(
                f"{member.masks / task.video_id}: no mask of frame {name}; predict every frame"
            )
        masks[member.name] = stands_in
    return masks


def _read_label(task: RecordTask, name: str) -> IdMap:
    assert task.label is not None
    return read_id_map(task.label / task.video_id / f"{name}.png")


def mask_names(folder: Path) -> list[str]:
    """Return the stems of a folder's masks in natural order.

    Raises:
        DataError: If there are none.
    """
    names = [path.stem for path in folder.glob("*.png") if not path.name.startswith(".")]
    if not names:
        raise DataError(f"{folder}: no masks; give the folder with <video>/<frame>.png")
    return in_order(names)


@dataclass(frozen=True)
class RecordedScore:
    """One object's line of a file of `pvuw evaluate --csv`."""

    video_id: str
    object_id: int
    num_frames: int
    j: float
    f: float


def read_scores(path: Path) -> list[RecordedScore]:
    """Return what `pvuw evaluate --csv` wrote.

    Raises:
        DataError: If the file is another one.
    """
    text = read_text(path, what="what `pvuw evaluate --csv` wrote")
    try:
        lines = list(csv.DictReader(io.StringIO(text, newline="")))
        return [
            RecordedScore(
                line["video"],
                int(line["object"]),
                int(line["frames"]),
                float(line["j"]),
                float(line["f"]),
            )
            for line in lines
        ]
    except (KeyError, ValueError, TypeError, csv.Error) as error:
        raise DataError(
            f"{path}: no scores of objects ({error}); give a file of pvuw evaluate --csv"
        ) from error


def rows_of_scores(
    member: str,
    lines: Sequence[RecordedScore],
    *,
    label: Path,
    images: Path | None,
    data_set: str,
    protocol: str,
) -> Iterator[PerformanceRow]:
    """Yield the rows of one video's scores: of the video and its objects, agreement not known.

    Args:
        member: Whose scores they are.
        lines: Scores of all objects of one video.
        label: Folder of the pseudo-label, `<video>/<frame>.png`.
        images: Folder of the frames, `<video>/<frame>.jpg`.
        data_set: See `PerformanceRow`.
        protocol: By whose rules.

    Raises:
        DataError: If the pseudo-label or a frame is missing.
    """
    video_id = lines[0].video_id
    stream = FeatureStream()
    for name in mask_names(label / video_id):
        frame = None if images is None else read_scene(images / video_id / f"{name}.jpg")
        stream.update(read_id_map(label / video_id / f"{name}.png"), frame)
    place = (member, data_set, protocol, video_id)
    j, f = (float(np.mean(values)) for values in zip(*((x.j, x.f) for x in lines), strict=True))
    yield PerformanceRow(*place, "video", 0, lines[0].num_frames, j, f, stream.video())
    for line in lines:
        if line.object_id in stream.object_ids:
            seen = stream.object(line.object_id)
            yield PerformanceRow(
                *place, "object", line.object_id, line.num_frames, line.j, line.f, seen
            )

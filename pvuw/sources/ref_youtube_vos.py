"""Ref-YouTube-VOS (Seo et al., 2020), and Ref-DAVIS17 (Khoreva et al., 2018) in its layout."""

import functools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from pvuw.errors import DataError
from pvuw.io.expressions import Expression
from pvuw.io.png_masks import PngMasks
from pvuw.io.records import VideoRecord
from pvuw.io.video_file import VideoFile
from pvuw.io.videos import FolderFiles, Video
from pvuw.sources.base import SourceFacts, first_existing
from pvuw.sources.folders import FolderReader
from pvuw.sources.json_file import JsonFile, member, of_the_format
from pvuw.sources.sentences_file import listed_frames, listed_text, listed_videos

YOUTUBE_VOS = SourceFacts(
    "ref_youtube_vos",
    "annotations CC BY 4.0; videos for non-commercial research only; the terms shown at the "
    "download decide",
    fps=6.0,
)
DAVIS = SourceFacts("ref_davis", "CC BY-NC 4.0, non-commercial research only", fps=24.0)
_EXPRESSIONS = "meta_expressions.json"


class RefYouTubeVOSReader(FolderReader):
    """Reads `<root>/<split>/{JPEGImages,Annotations}` and `<root>/meta_expressions/<split>/`.

    The file of sentences names the videos and their frames; other frames of a folder are left out.
    A sentence means one object, by its pixel value; it means nothing where no mask shows that one.

    Args:
        facts: `YOUTUBE_VOS` or `DAVIS`.
        root: Folder of the download.
        split: `train`; `valid` too where its masks are there (Ref-DAVIS17).
        exclude: Video ids to leave out.
    """

    tree: ClassVar[str] = (
        "<root>/<split>/{JPEGImages,Annotations}/<video>/00000.{jpg,png} and "
        f"<root>/meta_expressions/<split>/{_EXPRESSIONS}"
    )

    def listed_ids(self) -> Sequence[str]:
        """Return the videos that sentences are about."""
        return sorted(self._listed)

    def stamps(self) -> dict[str, str]:
        """Return the video ids with what changes when their files, or the sentences, do."""
        path = sentences_file(self.root, self.split)
        file = JsonFile.of(first_existing([path], tree=self.tree))
        state = f"{file.num_bytes} {file.mtime_ns} {file.head()}"
        return {video_id: f"{stamp} {state}" for video_id, stamp in super().stamps().items()}

    def _record(self, video: Video) -> VideoRecord:
        place, listed = self._listed[video.video_id]
        with of_the_format(place):
            record = super()._record(only_frames(video, listed_frames(listed, place=place), place))
            if len(record.store) < record.num_frames:
                raise DataError(
                    f"{record.frame_dir}: {record.num_frames - len(record.store)} of "
                    f"{record.num_frames} frames that {place} names have no mask in Annotations; "
                    "extract the masks again"
                )
            ids = {info.source_id: info.object_id for info in record.objects}
            return replace(record, expressions=tuple(_expressions(listed, ids, place=place)))

    @functools.cached_property
    def _listed(self) -> dict[str, tuple[str, Any]]:
        path = sentences_file(self.root, self.split)
        return {video_id: (place, video) for video_id, place, video in listed_videos(path)}


def sentences_file(root: Path, split: str) -> Path:
    """Return the file of the sentences of a split."""
    return root / "meta_expressions" / split / _EXPRESSIONS


def only_frames(video: Video, stems: Sequence[str], place: str) -> Video:
    """Return a video of some of the frames of another one, in the given order.

    Args:
        video: Its frames are files of a folder.
        stems: Frames to keep.
        place: What names them, for errors.

    Raises:
        DataError: If it does not have one of them.
    """
    frames, masks = video.frame_paths, video.annotations
    if list(stems) == video.frame_names:
        return video
    if not isinstance(frames, FolderFiles) or isinstance(video, VideoFile):
        raise DataError(
            f"{place}: names frames {stems[0]} to {stems[-1]}, those of {video.files()[0]} are "
            f"{video.frame_names[0]} to {video.frame_names[-1]}; leave out its `frames`"
        )
    positions = {path.stem: t for t, path in enumerate(frames)}
    if missing := [stem for stem in stems if stem not in positions]:
        raise DataError(
            f"{frames.folder}: has no frame {missing[0]}, which {place} names ({len(missing)} of "
            f"{len(stems)} are missing); extract the frames again or leave the video out"
        )
    kept = [positions[stem] for stem in stems]
    if isinstance(masks, PngMasks):
        masks = replace(masks, names=tuple(masks.names[t] for t in kept))
    return Video(video.video_id, FolderFiles(frames.folder, [frames.names[t] for t in kept]), masks)


def _expressions(video: Any, ids: dict[str, int], *, place: str) -> Iterator[Expression]:
    for number, content in member(video, "expressions", place=place, kind=dict).items():
        where = f"{place}, expression {number}"
        value = str(member(content, "obj_id", place=where, kind=(str, int)))
        target = (ids[value],) if value in ids else ()
        yield Expression(number, listed_text(content, place=where), target)

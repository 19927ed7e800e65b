"""What a build shall hold: names of the chosen videos, and which of them validate."""

import dataclasses
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pvuw.fingerprint import fingerprint
from pvuw.io.records import VideoRecord
from pvuw.mose_plus.build.build_config import SYMLINK, BuildConfig
from pvuw.mose_plus.build.manifest import TRAIN, VALID
from pvuw.mose_plus.config import MosePlusConfig
from pvuw.mose_plus.select.analysis import key_of
from pvuw.mose_plus.select.decision import Decision
from pvuw.sources.keys import VideoKey

BUILD_VERSION = 1
"""Raised whenever a built video would come out different: older ones are built again."""
_LONGEST_NAME = 150
_MOSE = ("mose", "mose_v2")


@dataclass(frozen=True, slots=True)
class ChosenVideo:
    """One video on its way into the build."""

    record: VideoRecord
    video_id: str
    """Its folder name in the build."""
    subset: str
    """`train` or `valid`."""

    def fingerprint(self, config: BuildConfig) -> str:
        """Return a digest of everything the built video follows from."""
        how = (config.frames, config.short_side, config.quality)
        # A symbolic link is only as good as the place it points to.
        where = self.record.frame_dir.resolve().as_posix() if config.frames == SYMLINK else ""
        return fingerprint(
            "build", BUILD_VERSION, self.record, self.video_id, self.subset, *how, where
        )


def plan_videos(
    admitted: Sequence[Decision], records: Mapping[VideoKey, VideoRecord], config: MosePlusConfig
) -> list[ChosenVideo]:
    """Return the videos to build, in the order of the decisions.

    Args:
        admitted: Decisions in favour of a video.
        records: Every video, by its name.
        config: The settings.
    """
    names = output_names([decision.key for decision in admitted])
    held_out = hold_out(
        [
            records[decision.key]
            for decision in admitted
            if config.settings(decision.source, decision.split).reference
        ],
        config.build,
    )
    return [
        ChosenVideo(
            records[decision.key],
            names[decision.key],
            VALID if decision.key in held_out else TRAIN,
        )
        for decision in admitted
    ]


def output_names(keys: Sequence[VideoKey]) -> dict[VideoKey, str]:
    """Return a folder name for each video: no two alike, not even where case does not count.

    Videos of MOSE keep their ids, all others become `<source>_<id>`. Characters other than ASCII
    letters, digits, `.`, `_` and `-` become `_`; a name taken already gets `-2`, `-3`, ...

    Args:
        keys: The videos, those with the first right to a name first.

    Example:
        >>> keys = [VideoKey("mose", "train", "0a1b"), VideoKey("burst", "train", "HACS_-_v (1)")]
        >>> list(output_names(keys).values())
        ['0a1b', 'burst_HACS_-_v__1_']
    """
    names: dict[VideoKey, str] = {}
    taken: set[str] = set()
    for key in keys:
        wanted = name = _folder_name(key)
        count = 1
        while name.casefold() in taken:
            count += 1
            name = f"{wanted}-{count}"
        taken.add(name.casefold())
        names[key] = name
    return names


def hold_out(reference: Sequence[VideoRecord], config: BuildConfig) -> set[VideoKey]:
    """Return the videos that validate: `valid_share` of the reference, rounded.

    Only videos with an object in their first frame can, as the first frame's masks are all that a
    network gets to see. A video's place in the draw follows from the seed and its name alone, so
    other videos that come or go hardly change it.

    Args:
        reference: The admitted videos of the reference sources.
        config: Share and seed.
    """
    able = [key_of(record) for record in reference if record.visible_ids(record.annotated[0])]
    able.sort(key=lambda key: hashlib.blake2b(f"{config.seed}/{key}".encode()).digest())
    return set(able[: round(config.valid_share * len(reference))])


def annotations_of(record: VideoRecord) -> str:
    """Return the file or folder a record's masks are read from; empty if it names none."""
    path = _first_path(record.store)
    return "" if path is None else path.as_posix()


def _first_path(value: Any) -> Path | None:
    if isinstance(value, Path):
        return value
    if not dataclasses.is_dataclass(value):
        return None
    members = (getattr(value, field.name) for field in dataclasses.fields(value))
    return next((path for member in members if (path := _first_path(member))), None)


def _folder_name(key: VideoKey) -> str:
    name = key.video_id if key.source in _MOSE else f"{key.source}_{key.video_id}"
    safe = re.sub(r"[^A-Za-z0-9._-]", "_", name)
    if safe.startswith("."):
        safe = f"_{safe[1:]}"  # hidden folders are no videos
    if len(safe) > _LONGEST_NAME:
        digest = hashlib.blake2b(name.encode(), digest_size=4).hexdigest()
        safe = f"{safe[:_LONGEST_NAME]}-{digest}"
    return safe

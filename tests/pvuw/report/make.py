"""Two predictions of three small videos with known scores."""

from pathlib import Path

import numpy as np

from pvuw.io.listing import VideoFolder, list_videos
from pvuw.io.masks import write_id_map
from pvuw.io.queries import Query
from pvuw.report.entry import EntryTask, make_entries
from pvuw.report.settings import ReportSettings
from pvuw.report.sides import MaskSource
from tests.pvuw.io.make import square, write_frame

SIZE = (48, 64)
FRAMES = 8


def truth_of(frame):
    """Object 1 stays, object 3 is hidden in frames 3 and 4."""
    late = square(3, 4, 40, 12, size_hw=SIZE)
    return square(1, 20, 8, 16, size_hw=SIZE) + (0 if frame in (3, 4) else late)


def write_folders(root: Path) -> Path:
    """`images`, `gt`, and the predictions `runs/new` and `runs/old`.

    `good` is right in both; `bad` is wrong from frame 4 on in the new run; `<odd> name` has its
    object 3 lost in both, and a name that HTML and addresses must not mistake.
    """
    for video_id in ("good", "bad", "<odd> name"):
        for frame in range(FRAMES):
            write_frame(root / f"JPEGImages/{video_id}/{frame:05d}.jpg", frame, size_hw=SIZE)
            truth, name = truth_of(frame), f"Annotations/{video_id}/{frame:05d}.png"
            write_id_map(root / f"gt/{video_id}/{frame:05d}.png", truth)
            lost = np.where(truth == 3, 0, truth).astype(np.uint8)
            wrong = np.roll(truth, 24, axis=1)
            new = {"bad": wrong if frame > 3 else truth, "good": truth}.get(video_id, lost)
            old = lost if video_id == "<odd> name" else truth
            write_id_map(root / "runs/new" / name, new)
            write_id_map(root / "runs/old" / name, old)
    return root


def settings(root, *, sides=("new", "old"), truth=True, **options):
    sources = tuple(MaskSource(name, root / "runs" / name / "Annotations") for name in sides)
    gt = MaskSource("truth", root / "gt", may_be_sparse=True) if truth else None
    defaults = {"protocol": "mose", "max_side": 40, "frames_per_video": 5}
    return ReportSettings(sides=sources, truth=gt, **defaults | options)


def queries(root):
    """What is asked of each video: to follow its objects."""
    listed = list_videos(VideoFolder(root / "JPEGImages"))
    return {video.video_id: Query.of(video) for video in listed}


def entry_of(query, chosen):
    """The entry of a video of which one thing is asked."""
    (entry,) = make_entries(EntryTask((query,), chosen)).entries
    return entry

"""An ensemble of three members of one small video, with a record written by hand."""

import json

from pvuw.io.listing import VideoFolder, list_videos
from pvuw.io.queries import Query
from pvuw.report.settings import Ensemble, ReportSettings
from pvuw.report.sides import MaskSource
from tests.pvuw.ensemble.scenes_of_squares import (
    NUM_FRAMES,
    SIZE_HW,
    shifted,
    swapped,
    video,
    without,
    write,
)
from tests.pvuw.io.make import write_frame

NAMES = ("still", "swaps", "loses")
FRAMES = [f"{number:05d}" for number in range(NUM_FRAMES)]
CHOICES = [
    {"object_id": 3, "member": "still", "reason": "still: agrees most"},
    {"object_id": 9, "member": "loses", "reason": "loses: agrees most"},
]
SWAP = {"member": "swaps", "object_ids": [3, 9], "first_frame": "00006", "last_frame": "00015"}


def maps_of():
    """What each member says: one a pixel off, ids exchanged from 6 on, object 9 lost from 12 on."""
    return {
        "still": shifted(video(), 1),
        "swaps": swapped(video(), 6, NUM_FRAMES - 1),
        "loses": without(video(), 9, 12),
    }


def write_ensemble(root, *, choices=CHOICES, method="select", swaps=(SWAP,)):
    """`images`, `gt`, `members/<name>-1`, and the answer in `out`; member `still` lacks 4 and 5."""
    for number, name in enumerate(FRAMES):
        write_frame(root / f"JPEGImages/v/{name}.jpg", number, size_hw=SIZE_HW)
    write(root / "gt", "v", video())
    for name, maps in maps_of().items():
        write(root / f"out/members/{name}-1/Annotations", "v", maps)
    for frame in ("00004", "00005"):
        (root / f"out/members/still-1/Annotations/v/{frame}.png").unlink()
    write(root / "out/Annotations", "v", video())
    line = {
        "method": method,
        "video": "v",
        "members": dict.fromkeys(NAMES, 1.0),
        "swaps": list(swaps),
        "same": [],
        "selection": [
            {"expected": dict.fromkeys(NAMES, 0.5), "votes": {}, **one} for one in choices
        ],
    }
    (root / "out/agreement").mkdir()
    (root / "out/agreement/v.jsonl").write_text(json.dumps(line) + "\n")
    says = {"method": method, "members": line["members"]}
    (root / "out/ensemble.json").write_text(json.dumps(says))
    return root


def ensemble(root, *, records=True, names=NAMES):
    members = tuple(
        MaskSource(
            name,
            root / f"out/members/{name}-1/Annotations",
            may_be_sparse=True,
            may_be_resized=True,
        )
        for name in names
    )
    return Ensemble(members, root / "out/agreement" if records else None)


def settings(root, *, truth=True, **options):
    return ReportSettings(
        sides=(MaskSource("out", root / "out/Annotations"),),
        truth=MaskSource("truth", root / "gt", may_be_sparse=True) if truth else None,
        protocol="mose",
        max_side=64,
        frames_per_video=6,
        ensemble=ensemble(root, **options),
    )


def the_query(root):
    (found,) = list_videos(VideoFolder(root / "JPEGImages"))
    return Query.of(found)

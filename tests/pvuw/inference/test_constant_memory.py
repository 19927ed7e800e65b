"""What prediction holds does not grow with the video.

Counted is every tensor that is alive, by its bytes, and every small block of memory that Python has
given out, of which an array or a number that is kept takes at least one. SAM 2's memory is full
after 17 frames: one view is followed for 50 and for 500, FVOS's 35 for 50 only, which take as long;
`python -m benchmarks.views_memory` takes the peak at 50 and 500 of both.
"""

import gc
import sys
from typing import NamedTuple

import pytest
import torch

from pvuw.inference.propagate import InferenceConfig, propagate
from pvuw.inference.views import ViewConfig
from pvuw.io.listing import VideoFolder, list_videos
from pvuw.io.queries import Query
from pvuw.nets.copy_first import CopyFirst
from pvuw.nets.sam2 import Sam2
from tests.helpers.long_video import SIZE_HW, write_long_video

# pytest keeps what torchvision says of itself at every frame that is read.
pytestmark = pytest.mark.filterwarnings("ignore:The image decoding:DeprecationWarning")
SIDE = 32
FVOS = ViewConfig([1 + i / 8 for i in range(7)], [0, 90, 180, 270], [False, True])
PREFETCH = 4
READ_AHEAD = PREFETCH * 3 * (SIZE_HW[0] * SIZE_HW[1] + 4 * SIDE**2 + 3 * (2 * SIDE) ** 2)
"""Bytes of the frames and of their pictures at seven scales that are read ahead or not yet."""
FEW_BLOCKS = 200
"""Less than one for every second of 450 frames, or for each of 35 views on every third of 20."""


class Held(NamedTuple):
    tensor_bytes: int
    blocks: int


def held():
    gc.collect()
    storages = {}
    for item in gc.get_objects():
        if type(item) in (torch.Tensor, torch.nn.Parameter) and item.device.type == "cpu":
            storage = item.untyped_storage()
            storages[storage.data_ptr()] = storage.nbytes()
    del item
    return Held(sum(storages.values()), sys.getallocatedblocks())


def measured(root, num_frames, at, *, net=None, views=None, keep=lambda frame: None):
    """What is held after some frames of a video; `keep` is handed every frame."""
    folder = VideoFolder(root / "valid" / "JPEGImages", root / "valid" / "Annotations")
    if not (folder.images / f"v{num_frames}").exists():
        write_long_video(root, f"v{num_frames}", num_frames)
    (video,) = (video for video in list_videos(folder) if len(video) == num_frames)
    config = InferenceConfig(views=views or ViewConfig(), prefetch=PREFETCH)
    net, found = net or Sam2(image_size=SIDE).eval(), []
    for frame in propagate(net, Query.of(video), config):
        keep(frame)
        if frame.frame_idx in at:
            found.append(held())
    return found


def assert_as_much(early, late):
    assert abs(late.tensor_bytes - early.tensor_bytes) <= READ_AHEAD
    assert abs(late.blocks - early.blocks) < FEW_BLOCKS


def test_one_view_holds_as_much_after_500_frames_as_after_50(tmp_path):
    (short,) = measured(tmp_path, 50, (48,))
    same, early, late = measured(tmp_path, 500, (48, 50, 498))
    assert abs(same.tensor_bytes - short.tensor_bytes) <= READ_AHEAD
    assert_as_much(early, late)


@pytest.mark.slow
def test_35_views_hold_as_much_later_as_when_memory_is_full(tmp_path):
    assert_as_much(*measured(tmp_path, 50, (28, 48), views=FVOS))


def test_35_views_are_fused_for_500_frames_without_holding_more(tmp_path):
    """With a network that only copies the first mask."""
    assert_as_much(*measured(tmp_path, 500, (50, 498), views=FVOS, net=CopyFirst()))


def test_what_is_kept_of_every_frame_is_seen(tmp_path):
    kept = []
    keep = lambda frame: kept.append(frame.id_map)  # noqa: E731
    early, late = measured(tmp_path, 500, (50, 498), net=CopyFirst(), keep=keep)
    assert late.blocks - early.blocks > FEW_BLOCKS
    assert late.tensor_bytes - early.tensor_bytes > READ_AHEAD

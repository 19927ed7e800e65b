import threading
from pathlib import Path

import numpy as np
import pytest
import torch

from pvuw.errors import DataError, PvuwError
from pvuw.inference.lockstep import with_next
from pvuw.inference.prompting import mask_prompts
from pvuw.inference.propagate import InferenceConfig, propagate, propagate_all
from pvuw.inference.views import ViewConfig
from pvuw.io.masks import write_id_map
from pvuw.io.png_masks import PngMasks
from pvuw.io.queries import Query
from pvuw.io.videos import Video
from pvuw.nets.base import VideoSegmenter, VideoSession
from pvuw.types import FrameOutput


class HoldSession(VideoSession):
    """Holds every object's last prompted mask; records what it was asked."""

    def __init__(self, num_frames):
        self.num_frames = num_frames
        self.masks = {}
        self.calls = []

    @property
    def object_ids(self):
        return list(self.masks)

    def step(self, frame, prompt=None, *, last=False, next_frame=None):
        if prompt is not None:
            self.masks |= dict(zip(prompt.object_ids, prompt.masks, strict=True))
        self.calls.append((int(frame[0, 0, 0]), prompt.object_ids if prompt else [], last))
        logits = [mask.float() * 20 - 10 for mask in self.masks.values()]
        stacked = torch.stack(logits) if logits else torch.zeros(0, *frame.shape[1:])
        return FrameOutput(self.object_ids, stacked)

    def remove_object(self, object_id):
        del self.masks[object_id]


class Hold(VideoSegmenter):
    def start(self, num_frames=None, *, scale=1.0):
        self.session = HoldSession(num_frames)
        return self.session


def make_video(folder: Path, id_maps, *, length, size_hw=(8, 10)):
    """Frames whose pixels hold their position times 10, and the given annotations."""
    from PIL import Image

    frames = []
    for t in range(length):
        path = folder / f"{t:05d}.png"
        Image.fromarray(np.full((*size_hw, 3), 10 * t, dtype=np.uint8)).save(path)
        frames.append(path)
    names = [f"{t:05d}.png" if t in id_maps else None for t in range(length)]
    for t, id_map in id_maps.items():
        write_id_map(folder / "masks" / names[t], id_map)
    return Video("clip", tuple(frames), PngMasks(folder / "masks", tuple(names)))


def boxes(**where):
    """An 8 x 10 id map with a 2 x 2 box per `i<id>=(y, x)`."""
    id_map = np.zeros((8, 10), dtype=np.uint8)
    for name, (y, x) in where.items():
        id_map[y : y + 2, x : x + 2] = int(name[1:])
    return id_map


def run(video, **config):
    net = Hold()
    return list(propagate(net, Query.of(video), InferenceConfig(**config))), net.session


def test_frames_come_in_order_with_names_and_ids_as_stored(tmp_path):
    video = make_video(tmp_path, {0: boxes(i3=(0, 0), i200=(4, 4))}, length=3)
    predictions, session = run(video)
    assert session.num_frames == 3
    assert session.calls == [(0, [3, 200], False), (10, [], False), (20, [], True)]
    assert [p.frame_name for p in predictions] == ["00000", "00001", "00002"]
    for p in predictions:
        assert np.array_equal(p.id_map.numpy(), boxes(i3=(0, 0), i200=(4, 4)))
        assert p.id_map.dtype == torch.uint8


def test_policy_first_ignores_later_masks(tmp_path):
    maps = {0: boxes(), 1: boxes(i1=(0, 0)), 2: boxes(i1=(4, 4), i2=(0, 8))}
    _, session = run(make_video(tmp_path, maps, length=3))
    assert [ids for _, ids, _ in session.calls] == [[], [1], []]


def test_policy_new_objects_prompts_each_id_once(tmp_path):
    maps = {0: boxes(i1=(0, 0)), 2: boxes(i1=(4, 4), i2=(0, 8)), 3: boxes(i2=(0, 0))}
    predictions, session = run(make_video(tmp_path, maps, length=4), prompts="new_objects")
    assert [ids for _, ids, _ in session.calls] == [[1], [], [2], []]
    assert np.array_equal(predictions[3].id_map.numpy(), boxes(i1=(0, 0), i2=(0, 8)))


def test_policy_all_corrects_known_objects(tmp_path):
    maps = {0: boxes(i1=(0, 0)), 2: boxes(i1=(4, 4))}
    predictions, _ = run(make_video(tmp_path, maps, length=3), prompts="all")
    assert np.array_equal(predictions[2].id_map.numpy(), boxes(i1=(4, 4)))


def test_frames_before_the_first_prompt_are_background(tmp_path):
    predictions, _ = run(make_video(tmp_path, {2: boxes(i4=(0, 0))}, length=3))
    assert [int(p.id_map.max()) for p in predictions] == [0, 0, 4]


def test_one_frame_video(tmp_path):
    predictions, session = run(make_video(tmp_path, {0: boxes(i1=(0, 0))}, length=1))
    assert len(predictions) == 1
    assert session.calls == [(0, [1], True)]


@pytest.mark.parametrize("maps", [{}, {0: boxes()}], ids=["no mask", "background only"])
def test_video_without_objects_is_refused_before_any_work(tmp_path, maps):
    video = make_video(tmp_path, maps, length=2)
    net = Hold()
    with pytest.raises(DataError, match=r"video clip: no object to follow.*put a palette PNG"):
        next(propagate(net, Query.of(video), InferenceConfig()))
    assert not hasattr(net, "session")


def test_stopping_early_ends_the_reading_thread(tmp_path):
    video = make_video(tmp_path, {0: boxes(i1=(0, 0))}, length=20)
    before = threading.active_count()
    frames = propagate(Hold(), Query.of(video), InferenceConfig(prefetch=2))
    next(frames)
    frames.close()
    assert threading.active_count() == before


def test_broken_frame_surfaces_at_its_turn(tmp_path):
    video = make_video(tmp_path, {0: boxes(i1=(0, 0))}, length=4)
    video.frame_paths[2].write_bytes(b"")
    frames = propagate(Hold(), Query.of(video), InferenceConfig())
    assert [next(frames).frame_idx, next(frames).frame_idx] == [0, 1]
    with pytest.raises(DataError, match=r"00002\.png"):
        next(frames)


def test_video_found_broken_while_listing_says_so(tmp_path):
    video = Video("clip", (), problem="clip: holds no frames")
    with pytest.raises(DataError, match="holds no frames"):
        next(propagate(Hold(), Query.of(video), InferenceConfig()))


def test_prompts_are_only_what_the_policy_allows(tmp_path):
    query = Query.of(make_video(tmp_path, {0: boxes(i9=(0, 0))}, length=2))
    prompts = mask_prompts(query, query.prompt, "first")
    prompt = prompts.at(0)
    assert prompt.object_ids == [9]
    assert prompt.masks.shape == (1, 8, 10)
    assert prompts.at(1) is None


@pytest.mark.parametrize("count", [0, 1, 3])
def test_with_next_pairs_each_frame_with_the_one_after(count):
    frames = [torch.full((1,), float(t)) for t in range(count)]
    rows = list(with_next(frames))
    assert [float(frame) for frame, _ in rows] == [float(t) for t in range(count)]
    following = [None if after is None else float(after) for _, after in rows]
    assert following == [float(t) for t in range(1, count)] + [None] * (count > 0)
    assert all(after is None for _, after in with_next(frames, wanted=False))


def test_one_sentence_among_masks_refuses_mirrored_views(tmp_path):
    video = make_video(tmp_path, {0: boxes(i3=(1, 1))}, length=2)
    masks, sentence = Query.of(video), Query("clip/0", video, prompt="it")
    for views in (ViewConfig(flips=[False, True]), ViewConfig(rotations=[0, 90])):
        config = InferenceConfig(views=views)
        with pytest.raises(PvuwError, match="a mirrored or turned view"):
            propagate_all(Hold(), [masks, sentence], config)
        assert len(propagate_all(Hold(), [masks], config)) == 1

import numpy as np
import torch

from pvuw.inference.propagate import InferenceConfig, propagate, propagate_all
from pvuw.inference.shared import ReversedVideo, SharedVideo
from pvuw.io.queries import Query
from tests.helpers.echo import Echo, blocks, write_video


class Counted:
    """Counts the frames that are decoded."""

    def __init__(self, video):
        self.read, self.positions = video.read_frame, []
        video.read_frame = self

    def __call__(self, position):
        self.positions.append(position)
        return self.read(position)


def test_a_reversed_video_shows_its_first_frames_backwards(tmp_path):
    truth = blocks(6, (17, 26))
    back = ReversedVideo(write_video(tmp_path / "v", truth), 5)
    assert len(back) == 5
    assert back.size_hw == (17, 26)
    for position in range(5):
        red = back.read_frame(position)[0].numpy()
        assert np.array_equal(red, truth[4 - position])
    assert back.frame_names == ["00004", "00003", "00002", "00001", "00000"]


def test_queries_in_turns_decode_each_frame_once_and_answer_as_alone(tmp_path):
    video = write_video(tmp_path / "v", blocks(12, (17, 33)))
    config = InferenceConfig(prefetch=2)
    alone = torch.stack([f.id_map for f in propagate(Echo(), Query.of(video), config)])
    counted = Counted(video)
    queries = [Query(f"v/{e}", video, Query.of(video).prompt) for e in range(3)]
    together = list(zip(*propagate_all(Echo(), queries, config), strict=True))
    assert sorted(counted.positions) == list(range(12))
    for frames, expected in zip(together, alone, strict=True):
        assert all(torch.equal(frame.id_map, expected) for frame in frames)
        assert all(frame.frame is frames[0].frame for frame in frames)


def test_no_more_frames_are_kept_than_asked_for(tmp_path):
    shared = SharedVideo(write_video(tmp_path / "v", blocks(8, (17, 30))), keep=3)
    for position in range(8):
        shared.read_frame(position)
    assert list(shared._frames) == [5, 6, 7]

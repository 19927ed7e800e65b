import numpy as np
import pytest
import torch

from pvuw.inference.prompting import prompt_plan
from pvuw.inference.propagate import InferenceConfig, propagate
from pvuw.inference.views import ViewConfig
from pvuw.io.videos import Video
from tests.helpers.echo import Echo, blocks, write_video


def late_video(folder):
    """Object 3 is prompted on frame 1, object 9 on frame 4 only; both are there from the start."""
    truth = blocks(6, (17, 26))
    video = write_video(folder, truth, prompts=(1, 4))
    only_three = np.where(truth[1] == 3, truth[1], 0).astype(np.uint8)
    from pvuw.io.masks import write_id_map

    write_id_map(video.annotation_paths[1], only_three)
    return truth, video


def run(net, video, direction, **views):
    config = InferenceConfig(prompts="new_objects", direction=direction, views=ViewConfig(**views))
    return torch.stack([frame.id_map for frame in propagate(net, video, config)]).numpy()


@pytest.mark.parametrize("views", [{}, {"flips": [False, True], "at_once": 1}])
def test_late_objects_are_followed_back_to_the_first_frame(tmp_path, views):
    truth, video = late_video(tmp_path / "v")
    assert np.array_equal(run(Echo(), video, "both", **views), truth)
    forward = run(Echo(), video, "forward", **views)
    assert not forward[0].any()
    assert set(np.unique(forward[1:4])) == {0, 3}
    assert np.array_equal(forward[4:], truth[4:])


def test_a_video_prompted_on_its_first_frame_is_run_once(tmp_path):
    video = write_video(tmp_path / "v", blocks(4, (17, 23)))
    net = Echo()
    run(net, video, "both")
    assert len(net.steps) == 4


def test_the_plan_lists_what_a_policy_gives(tmp_path):
    _, video = late_video(tmp_path / "v")
    assert prompt_plan(video, "first") == {1: [3]}
    assert prompt_plan(video, "new_objects") == {1: [3], 4: [9]}
    assert prompt_plan(video, "all") == {1: [3], 4: [3, 9]}


class Opinionated(Echo):
    """States presence and predicted IoU as well."""

    def start(self, num_frames=None, *, scale=1.0):
        session = super().start(num_frames, scale=scale)
        plain = session.step

        def step(*args, **kwargs):
            output = plain(*args, **kwargs)
            output.presence_logits = torch.tensor([float(i) for i in output.object_ids])
            output.predicted_iou = output.presence_logits / 10
            return output

        session.step = step
        return session


def test_scores_of_late_objects_come_along(tmp_path):
    _, video = late_video(tmp_path / "v")
    config = InferenceConfig(prompts="new_objects", direction="both")
    frames = list(propagate(Opinionated(), video, config))
    assert [sorted(frame.output.object_ids) for frame in frames] == [[3, 9]] * 6
    for frame in frames:
        assert frame.output.presence_logits.tolist() == frame.output.object_ids
        assert frame.output.predicted_iou.shape == (2,)


def test_reversing_keeps_masks_with_their_frames(tmp_path):
    from pvuw.inference.both_ways import reversed_video

    truth, video = late_video(tmp_path / "v")
    back = reversed_video(video, 5)
    assert isinstance(back, Video)
    assert len(back) == 5
    assert torch.equal(back.read_frame(0)[0], torch.from_numpy(truth[4]))
    assert sorted(back.annotation_paths) == [0, 3]
    assert back.read_annotation(3).unique().tolist() == [0, 3]

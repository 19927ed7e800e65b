import numpy as np
import pytest
import torch

from pvuw.inference.prompting import mask_prompts
from pvuw.inference.propagate import InferenceConfig, propagate
from pvuw.inference.views import ViewConfig
from pvuw.io.queries import Query
from tests.helpers.echo import Echo, blocks, write_video


def late_video(folder):
    """Object 3 is prompted on frame 1, object 9 on frame 4 only; both are there from the start."""
    truth = blocks(6, (17, 26))
    video = write_video(folder, truth, prompts=(1, 4))
    only_three = np.where(truth[1] == 3, truth[1], 0).astype(np.uint8)
    from pvuw.io.masks import write_id_map

    write_id_map(video.annotations.path(1), only_three)
    return truth, video


def run(net, video, direction, **views):
    config = InferenceConfig(prompts="new_objects", direction=direction, views=ViewConfig(**views))
    return torch.stack([frame.id_map for frame in propagate(net, Query.of(video), config)]).numpy()


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
    query = Query.of(video)

    def plan(policy):
        return mask_prompts(query, query.prompt, policy)

    assert plan("first").ids == {1: [3]}
    assert plan("new_objects").ids == {1: [3], 4: [9]}
    assert plan("all").ids == {1: [3], 4: [3, 9]}
    back = plan("all").mirrored()
    assert back.ids == {3: [3], 0: [3, 9]}
    assert torch.equal(back.at(0).masks, plan("all").at(4).masks)
    assert back.at(1) is None


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
    frames = list(propagate(Opinionated(), Query.of(video), config))
    assert [sorted(frame.output.object_ids) for frame in frames] == [[3, 9]] * 6
    for frame in frames:
        assert frame.output.presence_logits.tolist() == frame.output.object_ids
        assert frame.output.predicted_iou.shape == (2,)

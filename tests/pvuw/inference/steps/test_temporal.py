import math

import numpy as np
import pytest
import torch

from pvuw.inference.steps import TemporalFusion
from pvuw.metrics.accumulate import VideoScore
from pvuw.ops.id_maps import logits_to_id_map
from pvuw.sample.scene import generate_clip
from tests.helpers.noise import ROUNDING, SUMMATION
from tests.pvuw.inference.steps.make import scores


def stream(clip, logits_of):
    for t, id_map in enumerate(clip.id_maps):
        truth = torch.from_numpy(id_map)
        masks = torch.stack([truth == i for i in clip.object_ids])
        yield scores(logits_of(masks, t), t=t, ids=list(clip.object_ids))


def jf(clip, frames):
    score = VideoScore(None, "mose")
    for truth, frame in zip(clip.id_maps, frames, strict=True):
        score.add(truth, logits_to_id_map(frame.mask_logits, frame.object_ids).numpy())
    result = score.result()
    return float((np.mean(result.object_j) + np.mean(result.object_f)) / 2)


def flicker(masks, t):
    """Every third frame the network loses heart: right inside, but just below the threshold."""
    clean = masks.float() * 12 - 6
    return torch.where(masks, -0.3, -6.0) if t % 3 == 1 else clean


CLIP = generate_clip(7, num_frames=12, size_hw=(60, 96))


def test_fusion_raises_jf_on_flicker():
    before = jf(CLIP, stream(CLIP, flicker))
    after = jf(CLIP, TemporalFusion().run(stream(CLIP, flicker)))
    assert before < 0.75
    assert after > before + 0.1


def test_clean_masks_stay_as_they_are():
    def clean(masks, t):
        return masks.float() * 40 - 20

    frames = list(TemporalFusion().run(stream(CLIP, clean)))
    for before, after in zip(stream(CLIP, clean), frames, strict=True):
        ids = before.object_ids
        assert torch.equal(
            logits_to_id_map(after.mask_logits, ids), logits_to_id_map(before.mask_logits, ids)
        )


@pytest.mark.parametrize("length", [0, 1, 2, 3, 9])
@pytest.mark.parametrize("radius", [1, 3])
def test_every_frame_comes_out_once_and_in_order(length, radius):
    frames = (scores([[[0.0]]], t=t) for t in range(length))
    out = list(TemporalFusion(radius).run(frames))
    assert [frame.frame_idx for frame in out] == list(range(length))


def test_output_lags_by_the_radius_and_no_more():
    asked = []

    def frames():
        for t in range(8):
            asked.append(t)
            yield scores([[[0.0]]], t=t)

    next(TemporalFusion(2).run(frames()))
    assert asked == [0, 1, 2]


def test_an_uncertain_pixel_takes_the_neighbours_opinion_and_a_sure_one_does_not():
    rows = [[[6.0, 6.0]], [[0.0, -9.0]], [[6.0, 6.0]]]
    out = list(TemporalFusion(1).run(scores([row], t=t) for t, row in enumerate(rows)))
    middle = out[1].mask_logits.flatten().tolist()
    assert middle[0] > 2
    assert middle[1] < -5


def test_an_object_counts_only_in_frames_that_know_it():
    early = scores([[[6.0]]], t=0, ids=[5])
    late = scores([[[6.0]], [[0.0]]], t=1, ids=[5, 7])
    out = list(TemporalFusion(1).run(iter([early, late])))
    assert out[0].object_ids == [5]
    assert out[1].mask_logits[1].item() == pytest.approx(0.0, abs=ROUNDING)


def test_flow_brings_neighbours_to_where_the_object_is_now():
    class RightByTwo:
        def between(self, frame, other):
            t, s = int(frame[0, 0, 0]), int(other[0, 0, 0])
            moved = torch.zeros(2, *frame.shape[-2:])
            moved[0] = 2.0 * (s - t)
            return moved

    def row(t):
        logits = torch.full((1, 1, 12), -9.0)
        logits[..., 2 + 2 * t : 5 + 2 * t] = 0.0 if t == 1 else 9.0
        frame = torch.full((3, 1, 12), t, dtype=torch.uint8)
        return scores(logits, t=t, frame=frame)

    step = TemporalFusion(1)
    step.flow = RightByTwo()
    fused = list(step.run(row(t) for t in range(3)))[1]
    assert (fused.mask_logits[0, 0, 4:7] > 2).all()
    plain = list(TemporalFusion(1).run(row(t) for t in range(3)))[1]
    assert not (plain.mask_logits[0, 0, 4:7] > 2).all()


def test_flow_without_weights_is_refused_in_one_line():
    from pvuw.errors import PvuwError
    from pvuw.nets.flow import FlowConfig

    frames = (scores([[[0.0]]], t=t) for t in range(3))
    with pytest.raises(PvuwError, match=r"flow.weights"):
        list(TemporalFusion(1, flow=FlowConfig(model="small")).run(frames))


def logit(p):
    return math.log(p / (1 - p))


def test_the_formula_written_out():
    """`q` is the mean of the window, each frame weighted by decay^distance and its confidence."""
    p, decay, sharpness = [0.9, 0.2, 0.6, 0.15, 0.7], 0.5, 2.0
    step = TemporalFusion(2, decay=decay, sharpness=sharpness)
    out = list(step.run(scores([[[logit(value)]]], t=t) for t, value in enumerate(p)))
    weights = [decay ** abs(t - 2) * abs(2 * value - 1) for t, value in enumerate(p)]
    q = sum(w * value for w, value in zip(weights, p, strict=True)) / sum(weights)
    u = (1 - abs(2 * p[2] - 1)) ** sharpness
    expected = (1 - u) * p[2] + u * q
    assert out[2].mask_logits.item() == pytest.approx(logit(expected), rel=SUMMATION)


def test_competing_objects_keep_the_background_of_their_frame():
    """Their logits are against the background's own probability, not against `1 - p`."""

    def frame(t, first, second):
        rows = [[[first]], [[second]]]
        return scores(rows, t=t, compete=True)

    before, now = (1.5, -0.5), (0.3, 0.1)
    out = list(TemporalFusion(1, decay=1.0).run(iter([frame(0, *before), frame(1, *now)])))
    share = {row: [math.exp(v) for v in (0.0, *row)] for row in (before, now)}
    share = {row: [v / sum(values) for v in values] for row, values in share.items()}
    for slot in (1, 2):
        p, other = share[now][slot], share[before][slot]
        c, d = abs(2 * p - 1), abs(2 * other - 1)
        mixed = p + (1 - c) * ((c * p + d * other) / (c + d) - p)
        expected = math.log(mixed / share[now][0])
        found = out[1].mask_logits[slot - 1].item()
        assert found == pytest.approx(expected, rel=SUMMATION)


def test_a_frame_that_does_not_know_an_object_says_nothing_of_it():
    """Also where it would say more than the object's own frame: it is no background there."""
    early, late = scores([[[9.0]]], t=0, ids=[5]), scores([[[9.0]], [[0.4]]], t=1, ids=[5, 7])
    out = list(TemporalFusion(1, decay=1.0).run(iter([early, late])))
    assert out[1].mask_logits[1].item() == pytest.approx(0.4, rel=SUMMATION)

import numpy as np
import pytest
import torch

from pvuw.inference.steps import TemporalFusion
from pvuw.metrics.accumulate import VideoScore
from pvuw.ops.id_maps import logits_to_id_map
from pvuw.sample.scene import generate_clip
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
    assert out[1].mask_logits[1].item() == pytest.approx(0.0, abs=1e-6)


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

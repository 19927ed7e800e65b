import math

import numpy as np
import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from jsonargparse import ArgumentParser

from pvuw.losses import CrossEntropy, SimilarityConfig, VOSLoss
from pvuw.losses.vos_loss import mean_over_processes
from pvuw.types import CandidateClip, ClipFeatures, Decoding, VideoBatch
from tests.helpers.noise import SUMMATION

SIZE = 8


def example(counts=(2, 0, 1), *, frames=3, candidates=3, decodings=1, void=False):
    """A batch of clips with so many objects each, and what a network might say about it."""
    generator = torch.Generator().manual_seed(0)
    clips, slots, objects = len(counts), max(max(counts), 1), sum(counts)
    masks = torch.rand(clips, frames, slots, SIZE, SIZE, generator=generator) > 0.6
    for clip, count in enumerate(counts):
        masks[clip, :, count:] = False
    masks[0, 1, 0] = False  # the first object is absent from the second frame
    batch = VideoBatch(
        frames=torch.zeros(clips, frames, 3, SIZE, SIZE, dtype=torch.uint8),
        masks=masks,
        num_objects=list(counts),
        object_ids=[list(range(1, n + 1)) for n in counts],
        video_ids=[f"clip{i}" for i in range(clips)],
        frame_idx=torch.arange(frames).expand(clips, frames),
        void=torch.rand(clips, frames, SIZE, SIZE, generator=generator) > 0.7 if void else None,
    )

    def step():
        return Decoding(
            torch.randn(objects, candidates, SIZE, SIZE, generator=generator).requires_grad_(),
            torch.rand(objects, candidates, generator=generator).requires_grad_(),
            torch.randn(objects, 1, generator=generator).requires_grad_(),
        )

    said = [[step() for _ in range(decodings)] for _ in range(frames)]
    features = ClipFeatures(
        query=torch.randn(frames, objects, 5, 2, 2, generator=generator),
        memory=torch.randn(frames, objects, 5, 2, 2, generator=generator),
        memory_frames=[list(range(t)) for t in range(frames)],
    )
    return CandidateClip(said, features), batch


def written_out(output, batch, *, focal):
    """Loss parts in plain Python: loops over frames, decodings, objects, candidates and pixels."""
    sums = {"ce": 0.0, "dice": 0.0, "iou": 0.0, "presence": 0.0}
    slots = [(c, n) for c, count in enumerate(batch.num_objects) for n in range(count)]
    for t, steps in enumerate(output.decodings):
        for step in steps:
            for o, (clip, slot) in enumerate(slots):
                truth = batch.masks[clip, t, slot].numpy()
                keep = np.ones_like(truth)
                if batch.void is not None:
                    keep = ~batch.void[clip, t].numpy()
                truth = truth & keep
                candidates = []
                for m in range(step.mask_logits.shape[1]):
                    logits = step.mask_logits[o, m].detach().double().numpy()
                    p = 1 / (1 + np.exp(-logits))
                    right = np.where(truth, p, 1 - p)
                    ce = -np.log(right)
                    if focal:
                        ce = ce * (1 - right) ** 2 * np.where(truth, 0.25, 0.75)
                    ce = ce[keep].mean()
                    overlap, total = (p * truth)[keep].sum(), p[keep].sum() + truth.sum()
                    dice = 1 - (2 * overlap + 1) / (total + 1)
                    found = (logits > 0) & keep
                    iou = (found & truth).sum() / max((found | truth).sum(), 1)
                    error = abs(step.predicted_iou[o, m].item() - iou)
                    candidates.append((20 * ce + dice, ce, dice, error))
                visible = bool(truth.any())
                if visible:
                    _, ce, dice, _ = min(candidates)
                    sums["ce"] += ce
                    sums["dice"] += dice
                    sums["iou"] += np.mean([c[3] for c in candidates])
                score = 1 / (1 + math.exp(-step.presence_logits[o].item()))
                sums["presence"] -= math.log(score if visible else 1 - score)
    return {name: value / max(len(slots), 1) for name, value in sums.items()}


@pytest.mark.parametrize("focal", [True, False])
@pytest.mark.parametrize("void", [False, True])
@pytest.mark.parametrize(("counts", "candidates", "decodings"), [((2, 0, 1), 3, 1), ((1,), 1, 2)])
def test_parts_as_written_out(focal, void, counts, candidates, decodings):
    output, batch = example(counts, candidates=candidates, decodings=decodings, void=void)
    kind = CrossEntropy() if focal else CrossEntropy(gamma=0.0, alpha=None)
    terms = VOSLoss(cross_entropy=kind)(output, batch)
    expected = written_out(output, batch, focal=focal)
    for name, value in expected.items():
        assert getattr(terms, name).item() == pytest.approx(value, rel=SUMMATION)
    total = 20 * expected["ce"] + expected["dice"] + expected["iou"] + expected["presence"]
    assert terms.total.item() == pytest.approx(total, rel=SUMMATION)
    assert terms.sim is None


def test_no_object_visible_anywhere():
    output, batch = example((2, 1))
    batch.masks[:] = False
    terms = VOSLoss()(output, batch)
    terms.total.backward()
    assert (terms.ce, terms.dice, terms.iou, terms.absent_wrongly) == (0, 0, 0, 0)
    assert terms.presence > 0
    assert all(s.mask_logits.grad.eq(0).all() for steps in output.decodings for s in steps)


def test_void_truth_and_output_do_not_matter():
    output, batch = example((2, 1), void=True)
    before = VOSLoss()(output, batch)
    batch.masks |= batch.void[:, :, None]  # a truth inside void is no truth
    for t, steps in enumerate(output.decodings):
        where = batch.void[batch.object_to_clip, t][:, None]
        steps[0].mask_logits = torch.where(where, 50.0, steps[0].mask_logits.detach())
    after = VOSLoss()(output, batch)
    for name in ("total", "ce", "dice", "iou", "presence"):
        assert torch.equal(getattr(before, name), getattr(after, name))


def test_similarity_is_added_with_its_weight():
    output, batch = example((2, 1))
    without = VOSLoss()(output, batch)
    with_sim = VOSLoss(sim_weight=3.0)(output, batch)
    assert with_sim.sim > 0
    torch.testing.assert_close(with_sim.total, without.total + 3 * with_sim.sim)
    contrast = VOSLoss(sim_weight=3.0, similarity=SimilarityConfig(contrast_weight=1.0))
    assert contrast(output, batch).sim > with_sim.sim


def test_features_are_asked_for_only_where_needed():
    assert not VOSLoss().needs_features
    assert VOSLoss(sim_weight=0.1).needs_features
    output, batch = example((1,))
    output.features = None
    with pytest.raises(ValueError, match="sim_weight"):
        VOSLoss(sim_weight=0.1)(output, batch)


def test_log_values_name_the_parts_that_are_there():
    output, batch = example((1,))
    names = ["loss", "loss_ce", "loss_dice", "loss_iou", "loss_presence", "absent_wrongly"]
    values = VOSLoss()(output, batch).log_values()
    assert list(values) == names
    assert not any(value.requires_grad for value in values.values())
    assert "loss_sim" in VOSLoss(sim_weight=1.0)(output, batch).log_values()
    bare = VOSLoss(iou_weight=0.0, presence_weight=0.0)(output, batch).log_values()
    assert list(bare) == ["loss", "loss_ce", "loss_dice"]


def test_absent_wrongly_is_the_share_of_visible_objects_called_absent():
    output, batch = example((2, 1))  # 8 of 9 object-frames are visible
    for steps in output.decodings:
        steps[0].presence_logits = torch.tensor([[-1.0], [1.0], [1.0]])
    assert VOSLoss()(output, batch).absent_wrongly.item() == pytest.approx(2 / 8)


def test_absent_wrongly_stays_a_share_where_frames_are_decoded_again():
    output, batch = example((2, 1))
    for steps in output.decodings:
        steps[0].presence_logits = torch.full((3, 1), -1.0)
        steps += steps[:1] * 7
    assert VOSLoss()(output, batch).absent_wrongly == 1


def test_half_precision_outputs_are_judged_in_float32():
    output, batch = example((2, 1))
    output.decodings = [
        [
            Decoding(*(x if x is None else x.detach().bfloat16() for x in vars(s).values()))
            for s in steps
        ]
        for steps in output.decodings
    ]
    loss = VOSLoss(sim_weight=1.0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = loss(output, batch)
    for name, part in inside._asdict().items():
        assert part.dtype == torch.float32, name
        assert torch.equal(part, getattr(loss(output, batch), name))


def test_negative_weights_are_refused():
    with pytest.raises(ValueError, match="dice"):
        VOSLoss(dice_weight=-1.0)


def test_configured_from_yaml():
    parser = ArgumentParser()
    parser.add_subclass_arguments(VOSLoss, "loss")
    config = parser.parse_object(
        {
            "loss": {
                "class_path": "pvuw.losses.VOSLoss",
                "init_args": {
                    "ce_weight": 3,
                    "sim_weight": 0.5,
                    "cross_entropy": {"gamma": 0.0, "alpha": None},
                    "similarity": {"contrast_weight": 0.2},
                },
            }
        }
    )
    loss = parser.instantiate(config).loss
    assert (loss.weights.ce, loss.weights.dice, loss.weights.sim) == (3.0, 1.0, 0.5)
    assert loss.cross_entropy == CrossEntropy(gamma=0.0, alpha=None)
    assert loss.similarity == SimilarityConfig(contrast_weight=0.2)


# Number of objects.


def test_one_process_divides_by_its_own_objects():
    assert mean_over_processes(5, torch.device("cpu")) == 5.0
    assert mean_over_processes(0, torch.device("cpu")) == 1.0


def _count(rank, address, results):
    dist.init_process_group("gloo", init_method=address, rank=rank, world_size=2)
    results[rank] = mean_over_processes((2, 5)[rank], torch.device("cpu")).item()
    dist.destroy_process_group()


@pytest.mark.slow
def test_two_processes_divide_by_their_mean(tmp_path):
    with mp.Manager() as manager:
        results = manager.dict()
        mp.spawn(_count, (f"file://{tmp_path}/store", results), nprocs=2)
        assert dict(results) == {0: 3.5, 1: 3.5}


def test_similarity_does_not_look_at_void_pixels():
    output, batch = example((2, 1), void=True)
    loss = VOSLoss(sim_weight=1.0)
    before = loss(output, batch).sim
    batch.masks |= batch.void[:, :, None]
    assert torch.equal(loss(output, batch).sim, before)
    batch.void = None
    assert not torch.equal(loss(output, batch).sim, before)


def test_similarity_is_the_mean_over_objects():
    """The same clip twice costs what it costs once, as do the other terms."""
    output, batch = example((2,))
    twice = VideoBatch(
        frames=batch.frames.repeat(2, 1, 1, 1, 1),
        masks=batch.masks.repeat(2, 1, 1, 1, 1),
        num_objects=batch.num_objects * 2,
        object_ids=batch.object_ids * 2,
        video_ids=["a", "b"],
        frame_idx=batch.frame_idx.repeat(2, 1),
    )
    features = ClipFeatures(
        query=output.features.query.repeat(1, 2, 1, 1, 1),
        memory=output.features.memory.repeat(1, 2, 1, 1, 1),
        memory_frames=output.features.memory_frames,
    )
    doubled = CandidateClip(
        [
            [Decoding(*(value.repeat(2, *[1] * (value.dim() - 1)) for value in parts(step)))]
            for (step,) in output.decodings
        ],
        features,
    )
    loss = VOSLoss(sim_weight=1.0)
    one, two = loss(output, batch), loss(doubled, twice)
    for name in ("ce", "dice", "iou", "presence", "sim"):
        value = getattr(one, name).item()
        assert value > 0
        assert getattr(two, name).item() == pytest.approx(value, rel=SUMMATION), name


def parts(step):
    return step.mask_logits, step.predicted_iou, step.presence_logits

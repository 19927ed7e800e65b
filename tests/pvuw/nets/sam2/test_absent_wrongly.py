"""Visible objects that the network calls absent: what it costs, and the way out."""

from dataclasses import replace

import pytest
import torch

from pvuw.losses import VOSLoss
from pvuw.nets.sam2.clip_forward import ForwardConfig, forward_clip
from tests.helpers.noise import SUMMATION
from tests.helpers.sam2_training import CASES, CLICK_CASES, Case, build, make_batch

ABSENT = -8.0
"""Bias of the presence score at which every object is called absent."""


def run(case, **options):
    model, batch = build(case), make_batch(case.num_frames)
    torch.manual_seed(0)
    output = forward_clip(model, batch, config=ForwardConfig(case.plan(), **options))
    terms = VOSLoss(iou_weight=0)(output, batch)
    return model, output, terms


def mask_gradient(model, terms):
    """Gradient of the mask terms alone, of the convolutions that only masks pass."""
    (terms.ce + terms.dice).backward()
    return model.sam_mask_decoder.output_upscaling[3].weight.grad


def test_a_spike_costs_5120_times_the_area_and_teaches_the_mask_nothing():
    case = Case(num_frames=2, presence_bias=ABSENT)
    model, output, terms = run(case)
    batch = make_batch(2)
    area = batch.object_masks()[1].float().mean((-1, -2))  # [O]
    spike = VOSLoss(dice_weight=0, iou_weight=0, presence_weight=0)
    predicted_alone = type(output)([[], output.decodings[1]])
    cost = spike(predicted_alone, batch).total
    assert cost.item() == pytest.approx(5120 * area.mean().item(), rel=SUMMATION)
    assert terms.absent_wrongly == 0.5  # the other half was given
    assert mask_gradient(model, terms).eq(0).all()


def test_masks_are_judged_and_trained_where_asked():
    case = Case(num_frames=2, presence_bias=ABSENT)
    _, _, spiking = run(case)
    model, output, terms = run(case, keep_mask_gradient=True)
    assert output.decodings[1][0].mask_logits.abs().max() < 100
    assert terms.ce < spiking.ce / 100
    assert terms.absent_wrongly == spiking.absent_wrongly
    assert mask_gradient(model, terms).ne(0).any()


def test_masks_of_objects_truly_absent_stay_constant():
    batch = make_batch(3)
    model = build(Case(presence_bias=ABSENT))
    output = forward_clip(model, batch, config=ForwardConfig(keep_mask_gradient=True))
    gone = ~batch.object_masks()[2].flatten(1).any(1)
    constant = output.decodings[2][0].mask_logits.eq(-1024).flatten(1).all(1)
    assert gone.any()
    assert torch.equal(constant, gone)


@pytest.mark.parametrize("name", ["objects called absent", "clicked objects called absent"])
def test_memory_and_later_clicks_do_not_change(name, monkeypatch):
    case = {**CASES, **CLICK_CASES}[name]
    entered = []

    def run_and_note(**options):
        model, batch = build(case), make_batch(case.num_frames)
        encode, embed = model._encode_new_memory, model.sam_prompt_encoder.forward

        def note_memory(*args, pred_masks_high_res, object_score_logits, **kwargs):
            entered[-1] += [pred_masks_high_res, object_score_logits]
            return encode(
                *args,
                pred_masks_high_res=pred_masks_high_res,
                object_score_logits=object_score_logits,
                **kwargs,
            )

        def note_prompts(points, boxes, masks):
            entered[-1] += [points[0], points[1], *([] if masks is None else [masks])]
            return embed(points=points, boxes=boxes, masks=masks)

        project = model.obj_ptr_proj.forward

        def note_pointers(tokens):
            entered[-1].append(tokens)
            return project(tokens)

        monkeypatch.setattr(model.obj_ptr_proj, "forward", note_pointers)
        monkeypatch.setattr(model, "_encode_new_memory", note_memory)
        monkeypatch.setattr(model.sam_prompt_encoder, "forward", note_prompts)
        entered.append([])
        torch.manual_seed(0)
        return forward_clip(model, batch, config=ForwardConfig(case.plan(), **options))

    with torch.no_grad():
        plain, kept = run_and_note(), run_and_note(keep_mask_gradient=True)
    assert len(entered[0]) == len(entered[1]) > 4
    assert all(torch.equal(a, b) for a, b in zip(*entered, strict=True))
    masks = [[s.mask_logits for steps in o.decodings for s in steps] for o in (plain, kept)]
    assert not all(torch.equal(a, b) for a, b in zip(*masks, strict=True))


def test_nothing_changes_where_no_object_is_called_absent():
    case = replace(CASES["one given frame"], num_frames=3)
    results = []
    for keep in (False, True):
        model, _, terms = run(case, keep_mask_gradient=keep)
        terms.total.backward()
        results.append([terms.total, *(p.grad for p in model.parameters() if p.grad is not None)])
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))

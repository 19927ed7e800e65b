import pytest
import torch

from pvuw.losses.cross_entropy import FOCAL, PLAIN, mask_cross_entropy
from pvuw.losses.decoding import LossWeights, Truth, best_candidate, decoding_terms
from pvuw.losses.dice import dice_loss
from pvuw.types import Decoding
from tests.helpers.noise import SUMMATION

WEIGHTS = LossWeights()


def truth_and_step(objects=4, candidates=3):
    generator = torch.Generator().manual_seed(0)
    target = (torch.rand(objects, 1, 6, 8, generator=generator) > 0.5).float()
    step = Decoding(
        torch.randn(objects, candidates, 6, 8, generator=generator),
        torch.rand(objects, candidates, generator=generator),
        torch.randn(objects, 1, generator=generator),
    )
    return Truth(target, None), step


def terms_of(step, truth, *, weights=WEIGHTS, kind=FOCAL, num_objects=1.0, **options):
    return decoding_terms(
        step, truth, weights=weights, kind=kind, num_objects=num_objects, **options
    )


@pytest.mark.parametrize("kind", [FOCAL, PLAIN])
@pytest.mark.parametrize("weights", [LossWeights(), LossWeights(ce=1.0, dice=5.0)])
def test_best_candidate_has_the_lowest_weighted_cost(kind, weights):
    truth, step = truth_and_step(objects=20)
    best = best_candidate(step.mask_logits, truth, weights=weights, kind=kind, num_objects=2.0)
    for o in range(20):
        costs = [
            weights.ce * mask_cross_entropy(m[None, None], truth.target[o : o + 1], kind=kind)
            + weights.dice * dice_loss(m[None, None], truth.target[o : o + 1])
            for m in step.mask_logits[o]
        ]
        assert best[o].item() == min(range(3), key=lambda m, costs=costs: costs[m].item())
    assert len(best.unique()) == 3


def test_only_the_best_candidate_gets_mask_gradient():
    truth, step = truth_and_step()
    step.mask_logits.requires_grad_()
    best = best_candidate(step.mask_logits, truth, weights=WEIGHTS, kind=FOCAL, num_objects=1.0)
    terms = terms_of(step, truth)
    (terms.ce + terms.dice).backward()
    touched = step.mask_logits.grad.flatten(2).ne(0).any(-1)
    assert touched.sum(1).tolist() == [1, 1, 1, 1]
    assert torch.equal(touched.int().argmax(1), best)


def test_one_candidate_is_its_own_best():
    truth, step = truth_and_step(candidates=1)
    terms = terms_of(step, truth)
    torch.testing.assert_close(terms.dice, dice_loss(step.mask_logits, truth.target).sum())
    assert torch.equal(
        best_candidate(step.mask_logits, truth, weights=WEIGHTS, kind=FOCAL, num_objects=1.0),
        torch.zeros(4, dtype=torch.int64),
    )


def test_iou_of_all_candidates_or_of_the_best():
    truth, step = truth_and_step()
    both = [terms_of(step, truth, supervise_all_iou=s).iou.item() for s in (True, False)]
    best = best_candidate(step.mask_logits, truth, weights=WEIGHTS, kind=FOCAL, num_objects=1.0)
    found, target = step.mask_logits > 0, truth.target > 0
    actual = (found & target).flatten(2).sum(-1) / (found | target).flatten(2).sum(-1)
    error = (step.predicted_iou - actual).abs()
    assert both[0] == pytest.approx(error.mean(1).sum().item(), rel=SUMMATION)
    assert both[1] == pytest.approx(error[range(4), best].sum().item(), rel=SUMMATION)


def test_absent_objects_are_judged_by_presence_alone():
    truth, step = truth_and_step()
    truth.target[2] = 0
    step.mask_logits.requires_grad_()
    step.predicted_iou.requires_grad_()
    terms = terms_of(step, truth)
    (terms.ce + terms.dice + terms.iou).backward()
    untouched = [o for o in range(4) if step.mask_logits.grad[o].eq(0).all()]
    assert untouched == [2]
    assert step.predicted_iou.grad[2].eq(0).all()
    expected = torch.nn.functional.binary_cross_entropy_with_logits(
        step.presence_logits[:, 0], torch.tensor([1.0, 1.0, 0.0, 1.0]), reduction="sum"
    )
    torch.testing.assert_close(terms.presence, expected)


def test_a_network_without_presence_must_predict_empty_masks():
    truth, step = truth_and_step()
    truth.target[2] = 0
    step.presence_logits = None
    step.mask_logits.requires_grad_()
    terms = terms_of(step, truth, weights=LossWeights(presence=0.0))
    terms.ce.backward()
    assert step.mask_logits.grad[2].ne(0).any()


def test_absent_wrongly_counts_visible_objects_called_absent():
    truth, step = truth_and_step()
    truth.target[2] = 0
    step.presence_logits = torch.tensor([[-1.0], [1.0], [-1.0], [0.0]])
    assert terms_of(step, truth).absent_wrongly.item() == 2


def test_every_term_is_divided_by_the_number_of_objects():
    truth, step = truth_and_step()
    one, four = terms_of(step, truth), terms_of(step, truth, num_objects=4.0)
    for name in ("ce", "dice", "iou", "presence"):
        torch.testing.assert_close(getattr(one, name), getattr(four, name) * 4)


def test_missing_outputs_are_named_with_the_weight_to_change():
    truth, step = truth_and_step()
    with pytest.raises(ValueError, match=r"no predicted_iou.*iou_weight"):
        terms_of(Decoding(step.mask_logits, None, step.presence_logits), truth)
    with pytest.raises(ValueError, match=r"no presence_logits.*presence_weight"):
        terms_of(Decoding(step.mask_logits, step.predicted_iou, None), truth)
    bare = LossWeights(iou=0.0, presence=0.0)
    terms = terms_of(Decoding(step.mask_logits), truth, weights=bare)
    assert (terms.iou, terms.presence, terms.absent_wrongly) == (None, None, None)

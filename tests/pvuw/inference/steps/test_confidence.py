import math

import pytest
import torch

from pvuw.inference.steps import ConfidenceControl, PresenceThreshold
from pvuw.ops.id_maps import logits_to_id_map
from tests.helpers.noise import SUMMATION
from tests.pvuw.inference.steps.make import scores


def logit(p):
    return math.log(p / (1 - p))


def one(step, frame):
    (result,) = step.run(iter([frame]))
    return result


@pytest.mark.parametrize(("scale", "bias"), [(7.5, -4.0), (20.0, -10.0)])
def test_the_formula_and_where_it_puts_the_threshold(scale, bias):
    threshold = -bias / scale
    probs = [0.0001, threshold - 0.01, threshold + 0.01, 0.9999]
    frame = scores([[[logit(p) for p in probs]]])
    changed = one(ConfidenceControl(scale, bias), frame).mask_logits
    assert changed.flatten().tolist() == pytest.approx(
        [p * scale + bias for p in probs], abs=SUMMATION
    )
    assert logits_to_id_map(changed, [1]).tolist() == [[0, 0, 1, 1]]


def test_competing_probabilities_are_those_of_the_softmax():
    frame = scores([[[math.log(0.5 / 0.2)]], [[math.log(0.3 / 0.2)]]], compete=True)
    changed = one(ConfidenceControl(), frame)
    expected = [0.5 * 7.5 - 4, 0.3 * 7.5 - 4]
    assert changed.mask_logits.flatten().tolist() == pytest.approx(expected, abs=SUMMATION)
    assert not changed.objects_compete


def test_objects_believed_absent_are_hidden_and_only_they():
    frame = scores([[[5.0, -12.0]], [[3.0, 1.0]]], presence=[-0.1, 0.1])
    changed = one(PresenceThreshold(0.5), frame).mask_logits
    assert changed.tolist() == [[[-10.0, -12.0]], [[3.0, 1.0]]]
    assert one(PresenceThreshold(0.4), frame).mask_logits is not None
    assert torch.equal(one(PresenceThreshold(0.4), frame).mask_logits, frame.mask_logits)


def test_without_a_presence_score_nothing_is_hidden():
    frame = scores([[[5.0]]])
    assert one(PresenceThreshold(1.0), frame) is frame


@pytest.mark.parametrize("bad", [lambda: ConfidenceControl(0.0), lambda: PresenceThreshold(1.5)])
def test_settings_without_meaning_are_refused(bad):
    with pytest.raises(ValueError, match="must be"):
        bad()

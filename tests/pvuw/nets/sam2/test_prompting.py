"""Prompts as recipes ask for them: what `Sam2` makes of its arguments, and of the step's seed."""

import pytest
import torch
from jsonargparse import ArgumentParser

from pvuw.nets.sam2.net import Sam2
from pvuw.nets.sam2.prompt_plan import TrainingPrompts
from pvuw.nets.sam2.recompute import WORTHWHILE_PARTS
from tests.helpers.sam2_training import make_batch

CLICKS = TrainingPrompts(prob_to_use_pt_input=1, num_correction_pt_per_frame=2)


def steps_of(net, batch, seed):
    batch.step_seed = seed
    with torch.no_grad():
        return [len(steps) for steps in net.forward_clip(batch).decodings]


def test_prompts_follow_the_seed_of_the_step_alone():
    net, batch = Sam2("nano", image_size=128, prompting=CLICKS).train(), make_batch(4)
    drawn = []
    for seed in range(6):
        torch.manual_seed(seed)
        first = steps_of(net, batch, seed)
        torch.manual_seed(99)  # another process, with other clips
        assert steps_of(net, make_batch(4, (1,)), seed) == first
        assert max(first) == 3
        drawn.append(tuple(first))
    assert len(set(drawn)) > 1


def test_the_first_masks_are_given_by_default():
    net, batch = Sam2("nano", image_size=128).train(), make_batch(3)
    assert batch.step_seed is None
    first, *others = net.forward_clip(batch).decodings
    assert first[0].mask_logits.abs().unique().tolist() == [10.0]
    assert all(len(steps) == 1 for steps in others)


def test_a_batch_without_seed_is_refused_where_prompts_are_drawn():
    net = Sam2("nano", image_size=128, prompting=CLICKS)
    with pytest.raises(ValueError, match="step_seed"):
        net.forward_clip(make_batch(2))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], None),
        (["--net.prompting", "{}"], TrainingPrompts()),
        (["--net.prompting.prob_to_use_pt_input=1"], TrainingPrompts(prob_to_use_pt_input=1)),
    ],
)
def test_prompting_from_the_command_line(given, expected):
    parser = ArgumentParser()
    parser.add_class_arguments(Sam2, "net")
    net = parser.instantiate(parser.parse_args([*given, "--net.image_size=64"])).net
    assert net.prompting == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("false", ()),
        ("true", WORTHWHILE_PARTS),
        ("[image_encoder, mask_decoder]", ("image_encoder", "mask_decoder")),
    ],
)
def test_checkpointing_from_the_command_line(given, expected):
    parser = ArgumentParser()
    parser.add_class_arguments(Sam2, "net")
    args = parser.parse_args([f"--net.checkpoint_activations={given}", "--net.image_size=64"])
    assert parser.instantiate(args).net.recompute == expected


def test_options_reach_the_forward():
    plain = Sam2("nano", image_size=64)
    net = Sam2("nano", image_size=64, keep_mask_gradient=True, checkpoint_activations=True)
    net.load_state_dict(plain.state_dict())
    with torch.no_grad():
        for one in (plain, net):
            one.model.sam_mask_decoder.pred_obj_score_head.layers[-1].bias.fill_(-9)
    batch = make_batch(2, size=64)
    gone, kept = (
        one.train().forward_clip(batch).decodings[1][0].mask_logits for one in (plain, net)
    )
    assert gone.eq(-1024).all()
    assert kept.ne(-1024).all()

"""Layers of ours beside those of `transformers`, which were written by others; no stored values."""

import pytest
import torch
from torch.nn import functional as F
from transformers import GroundingDinoConfig
from transformers.models.grounding_dino import modeling_grounding_dino as theirs

from pvuw.nets.referdino.fusion import BothWaysAttention
from pvuw.nets.referdino.layers import DeformableAttention
from tests.helpers.noise import FACTOR, SUMMATION

MAPS = [(7, 9), (4, 5), (2, 3), (1, 2)]
CELLS = sum(height * width for height, width in MAPS)


def config(**changes):
    return GroundingDinoConfig(
        d_model=64, encoder_attention_heads=4, decoder_attention_heads=4, num_feature_levels=4,
        encoder_ffn_dim=128, disable_custom_kernels=True, **changes,
    )  # fmt: skip


def filled(module):
    torch.manual_seed(3)
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return module


def close(one, other):
    assert (one - other).abs().max() < FACTOR * SUMMATION * other.abs().max()


@pytest.mark.parametrize("numbers", [2, 4])
def test_deformable_attention_is_that_of_transformers(numbers):
    ours = filled(DeformableAttention(64, 4, 4, 4))
    other = theirs.GroundingDinoMultiscaleDeformableAttention(config(), 4, 4)
    other.load_state_dict(ours.state_dict())
    torch.manual_seed(0)
    queries, values = (torch.randn(2, count, 64, requires_grad=True) for count in (11, CELLS))
    places = torch.rand(2, 11, numbers)
    shapes = torch.tensor(MAPS)
    starts = torch.cat([shapes.new_zeros(1), shapes.prod(1).cumsum(0)[:-1]])
    found = ours(queries, places, values, MAPS)
    wanted, _ = other(
        hidden_states=queries, encoder_hidden_states=values, attention_mask=None,
        reference_points=places[:, :, None].expand(-1, -1, 4, -1), spatial_shapes=shapes,
        spatial_shapes_list=MAPS, level_start_index=starts,
    )  # fmt: skip
    close(found, wanted)
    weight = torch.randn_like(found)
    for one, two in zip(
        torch.autograd.grad((found * weight).sum(), [queries, values, *ours.parameters()]),
        torch.autograd.grad((wanted * weight).sum(), [queries, values, *other.parameters()]),
        strict=True,
    ):
        close(one, two)


def test_attention_both_ways_is_that_of_transformers():
    ours = filled(BothWaysAttention(64, 64, 2))
    other = theirs.GroundingDinoBiMultiHeadAttention(config()).eval()
    names = {"v_proj": "vision_proj", "l_proj": "text_proj", "values_v_proj": "values_vision_proj",
             "values_l_proj": "values_text_proj", "out_v_proj": "out_vision_proj",
             "out_l_proj": "out_text_proj"}  # fmt: skip
    state = {f"{names[name.split('.')[0]]}.{name.split('.')[1]}": w
             for name, w in ours.state_dict().items()}  # fmt: skip
    other.load_state_dict(state)
    torch.manual_seed(0)
    image, words = torch.randn(2, 30, 64), torch.randn(2, 5, 64)
    seen, shown = ours(image, words)
    (wanted_seen, _), (wanted_shown, _) = other(image, words)
    close(seen, wanted_seen)
    close(shown, wanted_shown)
    assert F.cosine_similarity(seen[0, 0], seen[1, 0], dim=0) < 0.99, (
        "it depends on what it is given"
    )

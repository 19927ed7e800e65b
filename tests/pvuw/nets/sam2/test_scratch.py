"""Weights to train from: where memory attention looks first, and that objects begin as present."""

import torch

from pvuw.nets.sam2 import Sam2
from pvuw.nets.sam2.build import build_sam2_base
from pvuw.nets.sam2.scratch import PRESENCE_LOGIT, prepare_scratch

CELLS = 8


def looking_distance(model, monkeypatch):
    """Mean distance, in cells, between a cell and where it looks in a memory of one frame."""
    torch.manual_seed(0)
    attention = model.memory_attention.layers[0].cross_attn_image
    seen = {}

    def keep(q, k, v, dropout_p=0.0):
        seen["weights"] = (q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5).softmax(-1)
        return seen["weights"] @ v

    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", keep)
    query, memory = torch.randn(1, CELLS**2, 64), torch.randn(1, CELLS**2, 16)
    attention(query, memory, memory)
    where = torch.cartesian_prod(torch.arange(CELLS), torch.arange(CELLS)).float()
    distance = torch.cdist(where, where)
    return (seen["weights"][0, 0] * distance).sum(-1).mean()


def test_memory_attention_begins_at_the_same_place(monkeypatch):
    torch.manual_seed(0)
    model = build_sam2_base("nano", image_size=16 * CELLS)
    flat = looking_distance(model, monkeypatch)
    prepare_scratch(model)
    local = looking_distance(model, monkeypatch)
    assert flat > 3.5  # a uniform look over 8 x 8 cells is 4.1 away on average
    assert local < 1.5


def test_objects_begin_as_present():
    torch.manual_seed(0)
    net = Sam2("nano", image_size=64)
    bias = net.model.sam_mask_decoder.pred_obj_score_head.layers[-1].bias
    assert bias.item() == PRESENCE_LOGIT


def test_loaded_weights_stay_as_they_are(tmp_path):
    torch.manual_seed(0)
    weights = build_sam2_base("nano", image_size=64).state_dict()
    torch.save({"model": weights}, tmp_path / "weights.pt")
    loaded = Sam2("nano", image_size=64, weights=tmp_path / "weights.pt").official_state_dict()
    assert all(torch.equal(loaded[name], value) for name, value in weights.items())

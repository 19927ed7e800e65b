"""SAM 3's image trunk: windows, positions; and its features against the port's."""

import pytest
import torch

from pvuw.nets.sam3.build import build_tracker
from pvuw.nets.sam3.config import TrackerConfig, TrunkConfig
from pvuw.nets.sam3.port import to_port
from pvuw.nets.sam3.rotary import RotaryTables, rotate
from pvuw.nets.sam3.vit import ImageTrunk, from_windows, into_windows
from tests.helpers.noise import ROUNDING, SUMMATION

SMALL = TrunkConfig(
    width=64, depth=4, heads=4, hidden=296, window=4, tile=4, global_blocks=(1, 3), drop_path=0.0
)


@pytest.mark.parametrize("size_hw", [(8, 8), (5, 7), (3, 4)])
def test_windows_come_back_and_are_filled_with_zeros(size_hw):
    tokens = torch.randn(2, *size_hw, 3)
    windows = into_windows(tokens, 4)
    assert torch.equal(from_windows(windows, size_hw), tokens)
    assert windows.sum() == pytest.approx(tokens.sum().item(), abs=10 * SUMMATION)


def test_rotation_tells_distance_only():
    tables = RotaryTables(16, extent=6)(6, 6, torch.device("cpu"))
    query, key = torch.randn(16), torch.randn(16)
    turned = [rotate(x.expand(36, 16), *tables) for x in (query, key)]
    product = (turned[0] @ turned[1].T).view(6, 6, 6, 6)
    assert product[0, 0, 2, 1].item() == pytest.approx(
        product[3, 4, 5, 5].item(), abs=10 * SUMMATION
    )
    assert abs(product[0, 0, 2, 1] - product[0, 0, 1, 2]) > 1e-3


def test_positions_are_tiled():
    trunk = ImageTrunk(SMALL)
    table = trunk._tiled_positions(6, 9)
    assert torch.equal(table[:, :4, :4].flatten(1, 2), trunk.pos_embed[:, 1:])
    assert torch.equal(table[:, 4:6, 4:8], table[:, :2, :4])
    assert torch.equal(table[:, 0, 8], table[:, 0, 0])


@pytest.mark.parametrize("side", [112, 126])
def test_any_multiple_of_the_patch_is_a_size(side):
    images = torch.randn(1, 3, side, side)
    assert ImageTrunk(SMALL)(images).shape == (1, 64, side // 14, side // 14)


def test_only_global_blocks_see_beyond_a_window():
    trunk = ImageTrunk(TrunkConfig(**vars(SMALL) | {"global_blocks": ()})).eval()
    images = torch.randn(1, 3, 112, 112)
    other = images.clone()
    other[..., 60:, :] = 0
    first, second = trunk(images), trunk(other)
    assert torch.equal(first[..., :4, :], second[..., :4, :])
    assert not torch.equal(
        ImageTrunk(SMALL)(images)[..., :4, :], ImageTrunk(SMALL)(other)[..., :4, :]
    )


@pytest.fixture(scope="module")
def port():
    """The port's vision encoder at the same small size, 112 pixels, with the release's epsilon."""
    pytest.importorskip("transformers", reason="transformers is not installed: no port to compare")
    from transformers import Sam3VisionConfig, Sam3VisionModel

    backbone = {
        "model_type": "sam3_vit_model",
        "hidden_size": SMALL.width,
        "intermediate_size": SMALL.hidden,
        "num_hidden_layers": SMALL.depth,
        "num_attention_heads": SMALL.heads,
        "image_size": 112,
        "pretrain_image_size": 56,
        "window_size": SMALL.window,
        "global_attn_indexes": list(SMALL.global_blocks),
        "layer_norm_eps": 1e-5,
    }
    sizes = [[32, 32], [16, 16], [8, 8]]
    return Sam3VisionModel(
        Sam3VisionConfig(backbone_config=backbone, backbone_feature_sizes=sizes)
    ).eval()


def features_of(port, model, images):
    theirs = {
        name.removeprefix("detector_model.vision_encoder.").replace("tracker_neck.", "neck."): w
        for name, w in to_port(model.state_dict()).items()
        if not name.startswith("tracker_model.")
    }
    port.load_state_dict(theirs, strict=True)
    with torch.inference_mode():
        return port(images)


def test_features_are_the_ports(port):
    torch.manual_seed(3)
    model = build_tracker(TrackerConfig(trunk=SMALL, image_size=112)).eval()
    for name, weight in model.image_encoder.named_parameters():
        torch.nn.init.normal_(weight, mean=float("norm" in name and "weight" in name), std=0.1)
    images = torch.rand(2, 3, 112, 112) * 2 - 1
    with torch.inference_mode():
        ours = model.image_encoder(images)
    theirs = features_of(port, model, images)
    # Float32 rounds sums of 64 to 2304 products in another order: 1e-6 of the maps' deviation each.
    for found, expected in zip(ours["backbone_fpn"], theirs.fpn_hidden_states[:3], strict=True):
        assert (found - expected).abs().max() < SUMMATION * expected.std()
    for found, expected in zip(
        ours["vision_pos_enc"], theirs.fpn_position_encoding[:3], strict=True
    ):
        torch.testing.assert_close(found, expected, rtol=0, atol=ROUNDING)

"""Names of SAM 3's weights against the release's key list and the port's classes, both ways."""

import pytest
import torch

from pvuw.errors import WeightsError
from pvuw.nets.sam3.build import build_tracker
from pvuw.nets.sam3.keys import is_release, release_name, tracker_weights
from pvuw.nets.sam3.port import from_port, is_port, to_port
from pvuw.nets.sam3.rotary import RotaryTables
from tests.helpers.golden import folders
from tests.pvuw.nets.sam3.golden import MODEL, config_of


@pytest.fixture(scope="module")
def own():
    """Weights of a small network, by our names."""
    torch.manual_seed(0)
    return build_tracker("nano").state_dict()


def folder():
    return folders(MODEL)[0]


def test_names_and_shapes_are_those_of_the_release():
    keys = {name: shape for name, shape, _, computed in folder().keys if not computed}
    detector = {name for name in keys if ".vision_backbone.convs." in name}
    ours = build_tracker(config_of(folder())).state_dict()
    named = {release_name(name): list(weight.shape) for name, weight in ours.items()}
    assert named == {name: shape for name, shape in keys.items() if name not in detector}
    assert len(detector) == 22


def test_the_trackers_part_of_a_whole_file_is_taken(own):
    released = {release_name(name): weight for name, weight in own.items()}
    assert len(released) == len(own)
    whole = released | {
        "detector.backbone.vision_backbone.convs.0.conv_1x1.bias": torch.zeros(1),
        "detector.geometry_encoder.norm.weight": torch.zeros(1),
        "detector.backbone.vision_backbone.trunk.blocks.0.attn.freqs_cis": torch.zeros(1),
    }
    assert is_release(whole)
    assert not is_port(whole)
    assert tracker_weights(whole).keys() == released.keys()
    older = {f"sam3_model.{name}": weight for name, weight in whole.items()}
    assert tracker_weights(older).keys() == released.keys()


def test_computed_tables_are_the_releases():
    keys = [row for row in folder().keys if row[3]]
    assert len(keys) == 4
    cosine, sine = RotaryTables(16, extent=24)(24, 24, torch.device("cpu"))
    table = folder().weights()[keys[0][0]]
    assert torch.equal(torch.complex(cosine, sine), table)


def test_the_ports_names_come_back(own):
    theirs = to_port(own)
    assert is_port(theirs)
    assert not is_release(theirs)
    back = from_port(theirs | {"detector_model.text_encoder.norm.weight": torch.zeros(1)})
    assert back.keys() == own.keys()
    positions = "image_encoder.trunk.pos_embed"  # the port leaves out the class token's, unread
    assert torch.equal(back[positions][:, 1:], own[positions][:, 1:])
    assert all(torch.equal(back[name], own[name]) for name in own if name != positions)


def test_what_is_missing_in_the_port_stays_missing(own):
    theirs = to_port(own)
    del theirs["detector_model.vision_encoder.backbone.layers.1.attention.k_proj.bias"]
    del theirs["tracker_model.no_object_pointer"]
    missing = own.keys() - from_port(theirs).keys()
    assert missing == {"image_encoder.trunk.blocks.1.attn.qkv.bias", "no_obj_ptr"}
    unknown = from_port(theirs | {"tracker_model.new.weight": torch.zeros(1)})
    assert "tracker_model.new.weight" in unknown


def test_copies_that_differ_are_refused(own):
    theirs = to_port(own)
    theirs["tracker_model.prompt_encoder.shared_embedding.positional_embedding"] += 1
    with pytest.raises(WeightsError, match="differ"):
        from_port(theirs)

"""Which network a checkpoint is, from its names."""

import json

import pytest
import torch
from torchvision.models.optical_flow import raft_large, raft_small

from pvuw.nets.identify import identify
from tests.helpers.golden import OWN, SHARED

NETWORKS = {
    "xmem": "XMem",
    "cutie_base": "Cutie base",
    "cutie_small": "Cutie small",
    "livos": "LiVOS",
    "tmo_rn101": "TMO rn101",
    "tmo_mitb1": "TMO mitb1",
}
"""By the folders of golden cases, whose key lists are the published ones."""


def key_lists():
    paths = [*OWN.glob("*/keys.json"), *SHARED.rglob("keys.json")]
    return [path for path in sorted(paths) if network_of(path) in NETWORKS]


def network_of(path):
    """`xmem` of `xmem_original/keys.json` and of `xmem_frozen/keys.json`."""
    return path.parent.name.removesuffix("_original").removesuffix("_frozen")


def empty(path):
    """The weights of a key list, without memory behind them."""
    rows = json.loads(path.read_text())
    return {row[0]: torch.empty(row[1], device="meta") for row in rows}


@pytest.mark.parametrize(
    "path", key_lists(), ids=lambda path: f"{path.parents[1].name}-{path.parent.name}"
)
def test_published_key_lists(path):
    assert identify(empty(path)) == NETWORKS[network_of(path)]


def test_all_networks_are_covered_without_other_folders():
    own = {NETWORKS[network_of(path)] for path in key_lists() if path.is_relative_to(OWN)}
    assert {"XMem", "Cutie small", "LiVOS", "TMO rn101", "TMO mitb1"} <= own


def test_variants_of_xmem():
    (path,) = OWN.glob("xmem_original/keys.json")
    weights = empty(path)
    stem = "value_encoder.conv1.weight"
    one = weights | {stem: weights[stem][:, :4]}
    assert identify(one) == "XMem for one object"
    still = {n: w for n, w in weights.items() if not n.startswith("decoder.hidden_update.")}
    assert identify(still) == "XMem without sensory memory"


@pytest.mark.parametrize(
    ("build", "name"), [(raft_large, "RAFT large"), (raft_small, "RAFT small")]
)
def test_raft(build, name):
    with torch.device("meta"):
        assert identify(build(weights=None).state_dict()) == name


@pytest.mark.parametrize("weights", [{}, {"conv1.weight": torch.zeros(1)}])
def test_others_are_unknown(weights):
    assert identify(weights) is None

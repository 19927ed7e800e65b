"""LiVOS against the original: every stored probability, id map and intermediate tensor."""

import pytest
import torch

from pvuw.nets.livos import LiVOS
from pvuw.nets.matching.framing import SizePolicy
from tests.helpers.competing import Spy, distance, replay
from tests.helpers.golden import cases, missing, take
from tests.helpers.noise import PROBABILITY_STEP, assert_small, assert_within

ID_MISMATCH = 5e-4
"""Share of pixels, all of them ties: one or two at these sizes."""
PARTS = {
    "trunk": "pixel_encoder",
    "pix_feat": "pix_feat_proj",
    "key_raw": "key_projector.layer2",
    "gate": "gate_projector",
    "fused": "pixel_fuser",
    "transformer": "object_transformer",
    "logits4": "mask_decoder",
    "sensory_dec": "mask_decoder.sensory_update",
    "value": "mask_encoder",
    "sensory_enc": "mask_encoder.sensory_update",
    "summaries": "object_summarizer",
}


@pytest.fixture(scope="module")
def loaded():
    """The network of a folder, kept while its cases run."""
    kept = {}

    def load(folder):
        if folder not in kept:
            kept.clear()
            net = LiVOS(frame_size=SizePolicy(shorter_side=None)).eval()
            own, weights = net.official_state_dict(), folder.weights()
            assert own.keys() == weights.keys()
            with torch.no_grad():
                for name, weight in weights.items():
                    own[name].copy_(weight)
            kept[folder] = net
        return kept[folder]

    return load


def tensors(spy, session):
    """What the parts gave in a step, under the names and in the shapes of the golden files."""
    seen = {name: results[0] for name, results in spy.seen.items() if results}
    found = dict(zip(("f16", "f8", "f4"), (maps[0] for maps in seen["trunk"]), strict=True))
    for name in set(seen) & {
        "pix_feat",
        "key_raw",
        "gate",
        "logits4",
        "sensory_dec",
        "sensory_enc",
    }:
        found[name] = seen[name][0]
    for name in set(seen) & {"fused", "value"}:
        found[name] = seen[name]
    if "transformer" in seen:
        pixels, levels = seen["transformer"]
        found |= {"transformer": pixels, "aux_logits": torch.stack(levels)}
        found["readout"] = spy.inputs["fused"][0][1]
    if "summaries" in seen:
        found |= {"obj_mem": seen["summaries"][..., :-1], "obj_area": seen["summaries"][..., -1]}
        found["state"] = torch.cat([group.state for group in session._groups])
    return found


@pytest.mark.parametrize("case", [*cases("livos"), *missing("livos")])
def test_equals_the_original(case, loaded):
    net = loaded(case.folder)
    session = net.start()
    spy = Spy(net, PARTS)
    expected = case.expected("mid")

    def compare(t):
        own = tensors(spy, session)
        spy.clear()
        for name, index in case.intermediates(t).items():
            apart = distance(take(own[name], index), expected[f"{t}/{name}"])
            assert_small(apart, case.tolerance("mid_abs_over_std"), f"frame {t}: {name}")

    probs, mismatch = replay(case, session, compare)
    spy.remove()
    assert session.object_ids == case.meta["channel_ids"]
    for kind in ("prob", "probsub"):
        for t, stored in case.expected(kind).items():
            own = probs[int(t)] if kind == "prob" else case.subsample(probs[int(t)])
            # The original gives logits on its first frame, which is the given mask.
            wanted = stored.softmax(dim=0) if t == "0" else stored
            assert_within(own, wanted, PROBABILITY_STEP, f"frame {t}")
    assert mismatch <= ID_MISMATCH

"""Cutie against the original: every stored probability, id map and intermediate tensor."""

import pytest
import torch

from pvuw.nets.cutie import Cutie
from pvuw.nets.cutie.memory import LongTermConfig, MemoryConfig
from pvuw.nets.matching.framing import SizePolicy
from tests.helpers.competing import Spy, distance, replay
from tests.helpers.golden import cases, missing, take
from tests.helpers.noise import PROBABILITY_STEP, assert_small, assert_within

ID_MISMATCH = 5e-4
"""Share of pixels, all of them ties: one or two at these sizes."""
AS_IS = SizePolicy(shorter_side=None)
PARTS = {
    "trunk": "pixel_encoder",
    "pix_feat": "pix_feat_proj",
    "keys": "key_proj",
    "fuser": "pixel_fuser",
    "transformer": "object_transformer",
    "decoder": "mask_decoder",
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
            size = "small" if "small" in folder.meta["model"] else "base"
            net = Cutie(size, frame_size=AS_IS).eval()
            net.load_state_dict(folder.weights(), strict=True)
            kept[folder] = net
        return kept[folder]

    return load


def memory_config(config):
    """Our settings for the original's."""
    named = {k.removeprefix("long_term."): v for k, v in config.items() if "long_term." in k}
    values = {**config["long_term"], **named}
    values.pop("count_usage")
    return MemoryConfig(
        mem_every=config["mem_every"],
        top_k=config["top_k"],
        max_mem_frames=config["max_mem_frames"],
        stagger_updates=config["stagger_updates"],
        long_term=LongTermConfig(**values) if config["use_long_term"] else None,
    )


def frame_tensors(spy):
    """What the parts gave in a step, under the names and in the shapes of the golden files."""
    seen = spy.seen
    found = dict(zip(("f16", "f8", "f4"), (maps[0] for maps in seen["trunk"][0]), strict=True))
    found["pix_feat"] = seen["pix_feat"][0][0]
    keys = seen["keys"][0]
    found |= {"key": keys.keys[0], "shrinkage": keys.shrinkage[0], "selection": keys.selection[0]}
    for bucket, (pixels, levels) in enumerate(seen["transformer"]):
        found[f"readout.bucket{bucket}"] = spy.inputs["fuser"][bucket][1]
        found[f"fused.bucket{bucket}"] = seen["fuser"][bucket]
        found[f"transformer.bucket{bucket}"] = pixels
        found[f"aux_logits.bucket{bucket}"] = torch.stack(levels)
    for name in ("sensory_dec", "sensory_enc", "decoder"):
        if seen[name]:
            found["logits4" if name == "decoder" else name] = seen[name][0][0]
    if seen["value"]:
        found["value"] = seen["value"][0]
    for result in seen["summaries"]:
        found |= {"obj_mem": result[..., :-1], "obj_area": result[..., -1]}
    return found


def memory_tensors(session):
    # Where the decoder does not update the state, the original gives it out as it is.
    found = {"sensory_dec": session._state.sensory}
    for number, bucket in enumerate(session._buckets):
        work, long = bucket.working, bucket.long
        found[f"wm_key.bucket{number}"] = work.keys.T
        found[f"wm_usage.bucket{number}"] = work.usage[bucket.first :]
        if long is None:
            continue
        # Stored in the order of the keys' first channel.
        long = long.take(long.keys[:, 0].argsort())
        found[f"lt_key.bucket{number}"] = long.keys.T
        found[f"lt_shrinkage.bucket{number}"] = long.shrinkage
        found[f"lt_usage.bucket{number}"] = long.usage
        for slot, object_id in enumerate(bucket.object_ids):
            found[f"lt_value.obj{object_id}"] = long.values[:, slot].T
    return found


@pytest.mark.parametrize("case", [*cases("cutie_base", "cutie_small"), *missing("cutie_base")])
def test_equals_the_original(case, loaded):
    net = loaded(case.folder)
    net.memory = memory_config(case.config)
    session = net.start()
    spy = Spy(net, PARTS)
    expected = case.expected("mid")

    def compare(t):
        own = {**memory_tensors(session), **frame_tensors(spy)}
        spy.clear()
        for name, index in case.intermediates(t).items():
            apart = distance(take(own[name], index), expected[f"{t}/{name}"])
            assert_small(apart, case.tolerance("mid_abs_over_std"), f"frame {t}: {name}")
        trace = case.meta["memory_trace"]
        if trace:
            work = {str(n): len(bucket.working) for n, bucket in enumerate(session._buckets)}
            assert work == trace[t]["work"], t

    probs, mismatch = replay(case, session, compare)
    spy.remove()
    assert session.object_ids == case.meta["channel_ids"]
    for t, stored in case.expected("prob").items():
        assert_within(probs[int(t)], stored, PROBABILITY_STEP, f"frame {t}")
    for t, stored in case.expected("probsub").items():
        own = case.subsample(probs[int(t)])
        assert_within(own, stored, PROBABILITY_STEP, f"frame {t}")
    assert mismatch <= ID_MISMATCH

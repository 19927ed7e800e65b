"""What the original Sa2VA says and segments, on the same weights and frames."""

from functools import lru_cache

import pytest
import torch
from torch.nn import functional as F

from pvuw.nets.sa2va import Sa2va
from pvuw.nets.sa2va.key_frames import CustomFrames, FirstFrames, UniformFrames
from tests.helpers.noise import BORDER, tolerance_of
from tests.pvuw.nets.sa2va.golden import NAMES, find
from tests.pvuw.nets.sa2va.run import run

VARIANTS = {
    "sa2va_drawn": ("late_keys",),
    "sa2va_qwen2": ("first5", "first5_two_seg", "uniform_at_key", "uniform_at_first_k",
                    "interval_forward_reverse", "no_seg"),
    "sa2va_internlm2": ("first5", "short_video", "interval_forward_only"),
    "sa2va_i": ("uniform4", "uniform5_two_seg", "short_video"),
}  # fmt: skip
POLICIES = {
    "first5": FirstFrames(), "first5_two_seg": FirstFrames(), "no_seg": FirstFrames(),
    "uniform4": UniformFrames(4), "uniform_at_key": UniformFrames(4),
    "uniform_at_first_k": UniformFrames(4), "uniform5_two_seg": UniformFrames(5),
}  # fmt: skip
"""Where it is not told which frames."""


@lru_cache(maxsize=1)
def built(name, folder):
    case = find(name)
    case.write(folder, shards=3)
    longest = case.meta["generation"]["max_new_tokens"]
    net = Sa2va(folder, segments="all", max_new_tokens=longest).eval()
    return case, net, {}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return {name: tmp_path_factory.getbasetemp() / name for name in NAMES}


def prepare(net, variant):
    listed = CustomFrames(variant["llm_frames"])
    net.key_frames = POLICIES.get(variant["name"], listed)
    if variant["name"] == "short_video":  # of three frames
        net.key_frames = UniformFrames(5)
    first_k = variant["name"] == "uniform_at_first_k"
    net.prompt_frames = "first_k" if first_k else "key_frames"
    net.look_back = bool(variant.get("reverse"))


def tolerances(name, case, net, known):
    """How far hidden states and logits may move; from the first variant of a network."""
    if not known:
        variant = case.variants[VARIANTS[name][0]]
        prepare(net, variant)
        video, sentence = case.video(variant), variant["expression"]
        with torch.inference_mode():
            frames = [video.read_frame(t) for t in net.key_frames.positions(len(video))]

            def hear(net):
                answers = net.answers("golden", frames, [sentence])
                return [torch.stack(answers[0].seg_states), net.words(answers[0])]

            known["words"] = tolerance_of(net, hear, draws=1)
            known["logits"] = tolerance_of(
                net, lambda net: list(run(net, video, sentence).quarter.values()), draws=1
            )
    return known["words"], known["logits"]


@pytest.mark.golden
@pytest.mark.parametrize(("name", "variant"), [(n, v) for n in NAMES for v in VARIANTS[n]])
def test_same_text_hidden_states_and_masks(name, variant, folders):
    case, net, known = built(name, folders[name])
    variant = case.variants[variant]
    words, logits = tolerances(name, case, net, known)
    prepare(net, variant)
    video = case.video(variant)
    found = run(net, video, variant["expression"])
    assert found.answer.ids == case.of(variant, "new_ids").tolist()
    assert net.reader.tokenizer.decode(found.answer.ids) == variant["prediction"]
    assert len(found.answer.seg_states) == variant["n_seg"]
    if not variant["n_seg"]:
        assert all(output.object_ids == [] for output in found.outputs), "nothing is meant"
        return
    close(torch.stack(found.answer.seg_states), case.of(variant, "seg_hidden"), words)
    close(found.words, case.of(variant, "lang_prompt"), words)
    assert logits < 0.1, "of about 15"
    for track in range(variant["n_tracks"]):
        low = case.of(variant, f"track{track}/low_res_logits")
        stored = case.of(variant, f"track{track}/low_res_frames").tolist()
        for t, expected in zip(stored, low, strict=True):
            close(found.quarter[t][track], expected, logits)
        for t, expected in case.masks(variant, track, video.size_hw).items():
            same_masks(found.outputs[t].mask_logits[track], expected, logits)


def close(found, expected, tolerance):
    assert found.shape == expected.shape
    assert (found - expected).abs().max() <= tolerance


def same_masks(logits, expected, tolerance):
    """Only pixels whose logit is within the tolerance of the border may differ."""
    at_size = F.interpolate(
        logits[None, None], size=expected.shape, mode="bilinear", align_corners=False
    )[0, 0]
    different = (at_size > 0) != expected
    assert (at_size[different].abs() <= tolerance).all()
    assert different.float().mean() < BORDER

"""`Sam3` in training and in prediction: late objects, removal, absence, sizes, memory, weights."""

import json
from dataclasses import replace

import pytest
import torch
from torch import nn

from pvuw.errors import PvuwError, WeightsError
from pvuw.nets.freeze import freeze
from pvuw.nets.identify import identify
from pvuw.nets.lora import LoraConfig
from pvuw.nets.sam2 import DistractorAware, PromoteReliable, distractor_aware, memory_policy
from pvuw.nets.sam2 import session as session_module
from pvuw.nets.sam3 import MemorySelection, Sam3
from pvuw.nets.sam3.build import build_tracker
from pvuw.nets.sam3.config import SIZES
from pvuw.nets.tuning import TuningConfig, prepare
from pvuw.types import MaskPrompt, VideoBatch
from pvuw.weights import export_official, summarize
from tests.helpers.noise import SUMMATION, assert_within, tolerance_of

SIZE = (40, 60)


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    return Sam3().eval()


@pytest.fixture(scope="module")
def video():
    return (torch.rand(40, 3, *SIZE, generator=torch.Generator().manual_seed(1)) * 255).byte()


def prompt(*ids):
    masks = torch.zeros(len(ids), *SIZE, dtype=torch.bool)
    for row, i in enumerate(ids):
        masks[row, 5 * i : 5 * i + 12, 8 * i : 8 * i + 14] = True
    return MaskPrompt(list(ids), masks)


def stream(net, video, prompts, *, count=None, removed=None):
    session = net.start(len(video))
    outputs = []
    for t in range(count or len(video)):
        outputs.append(session.step(video[t], prompts.get(t)))
        for object_id in (removed or {}).get(t, ()):
            session.remove_object(object_id)
    return session, outputs


def logits_of(outputs, object_id):
    rows = [(o.object_ids.index(object_id), o) for o in outputs if object_id in o.object_ids]
    return torch.stack([o.mask_logits[row] for row, o in rows])


def rounding(net, video, prompts, *, count):
    """How far logits may move: batches of one and two objects round differently."""

    def predicted(moved):
        return [o.mask_logits for o in stream(moved, video, prompts, count=count)[1][1:]]

    return tolerance_of(net, predicted)


def test_objects_on_different_frames_are_tracked_as_if_alone(net, video):
    _, both = stream(net, video, {0: prompt(1), 4: prompt(3)}, count=8)
    assert [o.object_ids for o in both] == [[1]] * 4 + [[1, 3]] * 4
    _, first = stream(net, video, {0: prompt(1)}, count=8)
    _, late = stream(net, video, {4: prompt(3)}, count=8)
    tolerance = rounding(net, video, {0: prompt(1)}, count=8)
    assert_within(logits_of(both, 1), logits_of(first, 1), tolerance)
    assert_within(logits_of(both, 3), logits_of(late, 3), tolerance)


def test_an_empty_first_frame_and_a_video_without_objects(net, video):
    _, outputs = stream(net, video, {2: prompt(2)}, count=4)
    assert [len(o.object_ids) for o in outputs] == [0, 0, 1, 1]
    assert outputs[0].mask_logits.shape == (0, 32, 32)
    _, none = stream(net, video, {}, count=2)
    assert none[-1].object_ids == []


def test_removal_leaves_the_others_as_they_were(net, video):
    session, outputs = stream(net, video, {0: prompt(1, 3)}, count=6, removed={2: [1]})
    assert session.object_ids == [3]
    _, both = stream(net, video, {0: prompt(1, 3)}, count=6)
    tolerance = rounding(net, video, {0: prompt(1, 3)}, count=6)
    assert_within(logits_of(outputs, 3), logits_of(both, 3), tolerance)
    with pytest.raises(KeyError, match="not tracked"):
        session.remove_object(1)


def test_a_correction_is_taken_over_and_remembered(net, video):
    prompts = {0: prompt(1), 3: MaskPrompt([1], prompt(2).masks)}
    session, corrected = stream(net, video, prompts, count=6)
    _, plain = stream(net, video, {0: prompt(1)}, count=6)
    assert sorted(session._groups[0].memory.prompted) == [0, 3]
    assert torch.equal(corrected[2].mask_logits, plain[2].mask_logits)
    assert not torch.equal(corrected[5].mask_logits, plain[5].mask_logits)


def test_a_prompt_that_is_foreseen_is_read_before_it_comes(net, video):
    _, plain = stream(net, video, {0: prompt(1)}, count=3)
    session = net.start(len(video))
    session.step(video[0], prompt(1))
    session.foresee(5, video[5], prompt(1))
    resized = net.start(len(video))
    resized.step(net.picture(video[0]), prompt(1))
    resized.foresee(5, net.picture(video[5]), prompt(1))
    told = session.step(video[1])
    assert torch.equal(resized.step(net.picture(video[1])).mask_logits, told.mask_logits)
    assert not torch.equal(told.mask_logits, plain[1].mask_logits)
    with pytest.raises(ValueError, match="has passed"):
        session.foresee(1, video[1], prompt(1))
    with pytest.raises(KeyError, match="not tracked"):
        session.foresee(6, video[6], prompt(2))


class Visible(nn.Module):
    """A presence head that says what it is told, frame by frame, for every object alike."""

    def __init__(self, logits):
        super().__init__()
        self.logits = logits

    def forward(self, tokens):
        return tokens.new_full((len(tokens), 1), next(self.logits))


def with_presence(net, monkeypatch, logits):
    head = Visible(iter(logits))
    monkeypatch.setitem(net.model.sam_mask_decoder._modules, "pred_obj_score_head", head)
    iou = nn.Identity()
    iou.forward = lambda token: torch.ones(len(token), 4)
    monkeypatch.setitem(net.model.sam_mask_decoder._modules, "iou_prediction_head", iou)


def held(session):
    (group,) = session._groups
    maps = [t for t, memory in group.memory.recent.items() if memory.features is not None]
    return sorted(group.memory.recent), sorted(maps)


def test_frames_without_the_object_are_not_remembered(net, video, monkeypatch):
    # The first decoding only makes the pointer of the prompt.
    with_presence(net, monkeypatch, [9.0, *[9.0] * 8, *[-9.0] * 12, *[9.0] * 2])
    session, _ = stream(net, video, {0: prompt(1)}, count=20)
    assert held(session) == ([2, 3, 4, 5, 6, 7, 8, 19], [4, 5, 6, 7, 8, 19])
    session.step(video[20])
    session.step(video[21])
    assert held(session)[1] == [4, 5, 6, 7, 8, 21]
    unselected = Sam3(selection=None).eval()
    session, _ = stream(unselected, video, {0: prompt(1)}, count=20)
    assert held(session)[1] == [14, 15, 16, 17, 18, 19]


def test_memory_is_constant(net, video):
    prompts = {t: prompt(1) for t in range(0, 30, 3)}
    session, _ = stream(net, video, prompts)
    (group,) = session._groups
    assert len(group.memory.recent) <= 16
    assert len(held(session)[1]) <= 6
    # The four nearest prompted frames are read as such; a few more while they pass for recent ones.
    assert len([t for t in group.memory.prompted if t < 25]) <= 4


@pytest.mark.parametrize("policy", [PromoteReliable(), DistractorAware(max_frames=0)])
def test_policies_work_with_selection(net, video, policy, monkeypatch):
    with_presence(net, monkeypatch, [9.0, *[9.0] * 8, *[-9.0] * 6])
    monkeypatch.setattr(net, "memory_policy", policy)
    monkeypatch.setattr(memory_policy, "frame_records", reliable(memory_policy.frame_records))
    monkeypatch.setattr(session_module, "frame_records", memory_policy.frame_records)
    session, _ = stream(net, video, {0: prompt(1)}, count=14)
    memory = session._groups[0].memory
    assert memory.choice.pointers == (13, *range(8, 1, -1))  # the selected ones, by rank
    if isinstance(policy, PromoteReliable):
        assert sorted(memory.permanent) == [5, 6, 7, 8]
        assert memory.choice.recent == (4, 5, 6, 7, 8, 13)
        assert [place for place, _ in memory.maps(14)] == [0, 0, 0, 0, 0, 1, 6]
    else:
        assert memory.permanent == {}
        assert memory.choice.recent == (5, 8)  # sparse, and none without a mask


def test_frames_that_show_a_rival_are_read_besides_the_selected_pointers(video, monkeypatch):
    three = replace(SIZES["nano"], several_masks=True)
    net = Sam3(three, memory_policy=DistractorAware(min_gap=1, every=2)).eval()
    with_presence(net, monkeypatch, [9.0] * 20)
    compared = []

    def box_iou(mask_logits, candidate_logits):
        compared.append(len(candidate_logits))
        return 0.5 if len(compared) % 2 else 1.0

    monkeypatch.setattr(distractor_aware, "rival_box_iou", box_iou)
    monkeypatch.setattr(memory_policy, "frame_records", reliable(memory_policy.frame_records))
    monkeypatch.setattr(session_module, "frame_records", memory_policy.frame_records)
    session, _ = stream(net, video, {0: prompt(1)}, count=14)
    memory = session._groups[0].memory
    assert set(compared) == {3}
    assert len(memory.permanent) == 3
    assert memory.choice.recent[-1] in {12, 13}
    assert memory.choice.pointers == tuple(range(13, 1, -1))
    distances = [distance for distance, _ in memory.pointers(14)]
    assert sorted(distances) == sorted(
        [
            14,
            *(14 - t for t in memory.permanent),
            *(14 - t for t in memory.choice.pointers if t in memory.recent),
        ]
    )


def reliable(judge):
    """Records as they are judged, but with a mask that can be relied on where there is one."""

    def told(*args, **kwargs):
        return [
            replace(r, quality=0.9, area=9.0 if r.presence_logit > 0 else 0.0)
            for r in judge(*args, **kwargs)
        ]

    return told


def test_policy_that_compares_candidates_is_refused():
    with pytest.raises(PvuwError, match="compares candidate masks"):
        Sam3(memory_policy=DistractorAware())


@pytest.mark.parametrize("scope", ["object", "video"])
def test_scope_says_whose_score_counts(net, video, scope, monkeypatch):
    monkeypatch.setattr(net, "selection", MemorySelection(scope=scope))
    logits = iter(range(10_000))

    class Alternating(nn.Module):
        def forward(self, tokens):
            t = next(logits)
            second = -9.0 if t > 2 else 9.0
            return torch.tensor([[9.0], [second]]).expand(2, 1)[: len(tokens)]

    monkeypatch.setitem(net.model.sam_mask_decoder._modules, "pred_obj_score_head", Alternating())
    session, _ = stream(net, video, {0: prompt(1, 3)}, count=3 if scope == "object" else 9)
    if scope == "video":
        (group,) = session._groups  # judged alike, so they share a batch
        assert group.object_ids == [1, 3]
        assert len(group.memory.choice.recent) == 6
    else:
        session.step(video[3])
        session.step(video[4])
        assert sorted(g.object_ids for g in session._groups) == [[1], [3]]


@pytest.mark.parametrize(("scale", "side"), [(1.5, 168), (0.8, 84), (1.125, 126)])
def test_scaled_sessions_take_multiples_of_14(net, video, scale, side):
    session = net.start(3, scale=scale)
    assert session.model.image_size == side
    output = session.step(video[0], prompt(1))
    assert output.mask_logits.shape == (1, side // 14 * 4, side // 14 * 4)
    session.step(video[1])


def test_wrong_sizes_are_named():
    with pytest.raises(PvuwError, match="multiple of 14, got 100"):
        Sam3(image_size=100)
    with pytest.raises(PvuwError, match="nano, official"):
        Sam3("tiny")


def test_official_size_has_the_releases_parameters():
    with torch.device("meta"):
        model = build_tracker("official")
    trunk = sum(p.numel() for p in model.image_encoder.trunk.parameters())
    assert trunk / 1e6 == pytest.approx(446.2, abs=0.1)
    assert sum(p.numel() for p in model.parameters()) / 1e6 == pytest.approx(465.8, abs=0.1)


# Weights.


def test_export_reads_back_in_every_layout(net, tmp_path):
    torch.save({"state_dict": {f"net.{n}": w for n, w in net.state_dict().items()}}, tmp_path / "c")
    for out in ("tracker.pt", "tracker.safetensors", "folder"):
        export_official(tmp_path / "c", tmp_path / out)
        again = Sam3(weights=tmp_path / out)
        for (name, found), expected in zip(
            again.state_dict().items(), net.state_dict().values(), strict=True
        ):
            rows = slice(1, None) if name.endswith("trunk.pos_embed") else slice(None)
            assert torch.equal(
                found[:, rows] if found.ndim == 3 else found,
                expected[:, rows] if expected.ndim == 3 else expected,
            ), name
        assert summarize(tmp_path / out).network == "SAM 3 nano"
    assert summarize(tmp_path / "c").network == "SAM 3 nano"
    assert json.loads((tmp_path / "folder" / "config.json").read_text())["image_size"] == 112


def test_a_file_of_another_network_is_refused_with_what_it_is(net, tmp_path):
    weights = net.official_state_dict()
    neck = "detector.backbone.vision_backbone."
    multiplex = {n.replace("sam2_convs", "propagation_convs"): w for n, w in weights.items()}
    cases = {
        "SAM 3.1": multiplex,
        "without its tracker": {n: w for n, w in weights.items() if n.startswith("detector.")},
        "of another size": {n: w for n, w in weights.items() if f"{neck}trunk.blocks.3" not in n},
    }
    for what, content in cases.items():
        torch.save(content, tmp_path / "w.pt")
        with pytest.raises(WeightsError, match=f"weights of SAM 3.*{what.removeprefix('SAM 3')}"):
            Sam3(weights=tmp_path / "w.pt")
    assert identify({f"sam3_model.{n}": w for n, w in weights.items()}) == "SAM 3 nano"


def test_exported_folder_loads_in_transformers_class(net, video, tmp_path):
    pytest.importorskip("transformers", reason="transformers is not installed: no class to load")
    from transformers import Sam3TrackerVideoModel

    torch.save({"state_dict": {f"net.{n}": w for n, w in net.state_dict().items()}}, tmp_path / "c")
    export_official(tmp_path / "c", tmp_path / "folder")
    theirs, info = Sam3TrackerVideoModel.from_pretrained(
        tmp_path / "folder", output_loading_info=True
    )
    assert not any(info[k] for k in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    images = torch.rand(1, 3, 112, 112) * 2 - 1
    with torch.inference_mode():
        found = net.model.image_encoder(images)["backbone_fpn"]
        expected = theirs.eval().vision_encoder(images).fpn_hidden_states
    for ours, other in zip(found, expected, strict=False):
        assert (ours - other).abs().max() < SUMMATION * other.std()


# Training.


def batch_of(video, count=3, objects=2):
    frames = nn.functional.interpolate(video[:count].float(), (112, 112)).byte()
    masks = torch.zeros(count, objects, 112, 112, dtype=torch.bool)
    masks[:, 0, 20:60, 20:50] = True
    masks[:, 1, 60:90, 40:90] = True
    return VideoBatch(
        frames=frames[None],
        masks=masks[None],
        num_objects=[objects],
        object_ids=[list(range(1, objects + 1))],
        video_ids=["clip"],
        frame_idx=torch.arange(count)[None],
    )


def test_a_frozen_encoder_runs_once_per_frame_and_leaves_no_trace(video):
    torch.manual_seed(0)
    net = Sam3()
    seen = []
    net.model.image_encoder.register_forward_hook(
        lambda module, args, out: seen.append((len(args[0]), out["backbone_fpn"][-1].requires_grad))
    )
    batch = batch_of(video)
    net.forward_clip(batch)
    freeze(net, "image_encoder")
    output = net.forward_clip(batch)
    assert seen == [(3, True), (3, False)]
    sum(s.mask_logits.mean() for frame in output.decodings[1:] for s in frame).backward()
    learnt = {n for n, p in net.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}
    assert not any(name.startswith("model.image_encoder.") for name in learnt)
    assert {
        "model.sam_mask_decoder.conv_s0.weight",
        "model.memory_encoder.out_proj.weight",
    } <= learnt


def test_freezing_changes_no_value(video):
    torch.manual_seed(0)
    net = Sam3()
    batch = batch_of(video)
    plain = net.forward_clip(batch).decodings[-1][-1].mask_logits
    freeze(net, "image_encoder")
    assert torch.equal(net.forward_clip(batch).decodings[-1][-1].mask_logits, plain)


def test_sizes_have_one_config_each():
    assert set(SIZES) == {"nano", "official"}


def test_adapters_go_to_the_encoders_attention_and_the_tracker_learns_in_full(video):
    pytest.importorskip("peft", reason="needs the `lora` extra")
    net = Sam3()
    lora = LoraConfig(rank=2, parts="image_encoder_attention")
    prepare(net, TuningConfig(freeze="image_encoder", lora=lora))
    learning = {name for name, p in net.named_parameters() if p.requires_grad}
    encoder = {name for name in learning if name.startswith("model.image_encoder.")}
    assert encoder
    assert all(".attn." in name and ".lora_" in name for name in encoder)
    assert "model.memory_encoder.out_proj.weight" in learning
    output = net.forward_clip(batch_of(video))
    sum(s.mask_logits.mean() for frame in output.decodings[1:] for s in frame).backward()
    assert all(net.get_parameter(n).grad is not None for n in encoder if "lora_B" in n)

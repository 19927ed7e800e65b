"""Tmo as a network of the project: weights, training forward, interface."""

import socket
from pathlib import Path

import pytest
import torch

from pvuw.errors import PvuwError, WeightsError
from pvuw.nets.checkpoint import Checkpoint, load_checkpoint
from pvuw.nets.copy_first import CopyFirst
from pvuw.nets.flow import FlowConfig
from pvuw.nets.tmo import AnchoredTmo, Tmo
from pvuw.types import MaskPrompt, VideoBatch
from tests.helpers.noise import assert_within, tolerance_of


@pytest.fixture
def no_sockets(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a network connection was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)


@pytest.mark.parametrize("variant", ["mitb1", "rn101"])
def test_building_asks_the_network_for_nothing(variant, no_sockets):
    net = Tmo(variant, flow=FlowConfig())
    assert net.reads_next_frame
    assert sum(p.numel() for p in net.parameters()) / 1e6 == pytest.approx(
        {"mitb1": 33.6, "rn101": 93.2}[variant], abs=0.2
    )


def saved(path, weights):
    torch.save(weights, path)
    return path


def published(net):
    return {name: weight.clone() for name, weight in net.official_state_dict().items()}


def test_published_files_are_tensors_by_name(tiny, tmp_path):
    weights = {name: weight.half() for name, weight in published(tiny).items()}  # half the disk
    net = Tmo("mitb1", image_size=32, weights=saved(tmp_path / "TMO_mitb1.pth", weights))
    assert all(torch.equal(w, weights[n].to(w)) for n, w in net.state_dict().items())
    assert all(name.startswith("vos.") for name in net.state_dict())


def test_training_checkpoints_load(tiny, tmp_path):
    state = {f"net.{name}": weight.half() for name, weight in tiny.state_dict().items()}
    path = saved(tmp_path / "last.ckpt", {"state_dict": state, "epoch": 0, "global_step": 1})
    net = Tmo("mitb1", image_size=32, weights=path)
    assert all(torch.equal(w, state[f"net.{n}"].to(w)) for n, w in net.state_dict().items())


def refused(weights, net):
    with pytest.raises(WeightsError) as caught:
        load_checkpoint(Checkpoint(Path("a.pth"), "official", weights), net)
    return str(caught.value)


def test_differing_weights_are_named(tiny):
    weights = published(tiny)
    del weights["vos.decoder.predictor.conv.bias"]
    weights["vos.decoder.extra"] = torch.zeros(1)
    weights["vos.decoder.cbam1.conv3.1.conv.bias"] = torch.zeros(3)
    message = refused(weights, tiny)
    assert "1 missing: vos.decoder.predictor.conv.bias" in message
    assert "1 unexpected: vos.decoder.extra" in message
    assert "vos.decoder.cbam1.conv3.1.conv.bias [3] instead of [1]" in message


def test_names_of_newer_transformers_are_recognised(tiny):
    weights = {n.replace("encoder.block.", "stages."): w for n, w in published(tiny).items()}
    message = refused(weights, tiny)
    assert "TMO mitb1 under names of transformers 5 do not fit TMO mitb1" in message


def test_a_truncated_file_is_refused(tiny, tmp_path):
    path = saved(tmp_path / "a.pth", dict(list(published(tiny).items())[:20]))
    path.write_bytes(path.read_bytes()[:-5000])
    with pytest.raises(WeightsError, match=r"a\.pth: .*cut short"):
        Tmo("mitb1", image_size=32, weights=path)


@pytest.mark.parametrize("wrong", [{"image_size": 40}, {"image_size": 0}, {"still_share": 1.5}])
def test_values_without_meaning_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Tmo("mitb1", **wrong)


def test_parts_hold_all_parameters(tiny):
    beginnings = tuple(prefix for part in tiny.parts().values() for prefix in part)
    assert all(name.startswith(beginnings) for name, _ in tiny.named_parameters())
    assert tiny.layer_of("vos.app_encoder.mean").in_image_encoder


def test_statistics_of_the_residual_network_stay(tmp_path):
    from pvuw.nets.tmo.encoders import ResNetEncoder

    encoder = ResNetEncoder().train()
    before = encoder.bn1.running_mean.clone()
    encoder(torch.rand(2, 3, 32, 32))
    assert not encoder.training
    assert torch.equal(encoder.bn1.running_mean, before)


def test_frames_do_not_depend_on_their_batch(tiny):
    frames, motion = torch.rand(2, 3, 3, 40, 50)
    with torch.inference_mode():
        together, alone = tiny.vos(frames, motion), tiny.vos(frames[1:2], motion[1:2])
    assert_within(together[1:2], alone, tolerance_of(tiny.vos, lambda vos: [vos(frames, motion)]))


def test_scale_changes_the_inner_size(tiny):
    assert tiny.stream(scale=1.0).side == 32
    assert tiny.stream(scale=2.2).side == 64
    assert tiny.stream(scale=0.1).side == 32


def test_sessions_need_evaluation_mode():
    with pytest.raises(RuntimeError, match="eval"):
        Tmo("mitb1", image_size=32).start()


def test_without_raft_weights_flow_is_refused_when_it_is_needed():
    net = Tmo("mitb1", image_size=32, flow=FlowConfig(model="small")).eval()
    frame = torch.zeros(3, 32, 32, dtype=torch.uint8)
    prompt = MaskPrompt([1], torch.ones(1, 32, 32, dtype=torch.bool))
    with pytest.raises(PvuwError, match="RAFT"):
        net.start().step(frame, prompt, next_frame=frame)


# Training forward.


def batch(num_clips=2, num_frames=3, objects=1, size=40):
    masks = torch.zeros(num_clips, num_frames, objects, size, size, dtype=torch.bool)
    masks[..., 5:20, 8:30] = True
    return VideoBatch(
        frames=torch.randint(0, 256, (num_clips, num_frames, 3, size, size), dtype=torch.uint8),
        masks=masks,
        num_objects=[objects] * num_clips,
        object_ids=[list(range(1, objects + 1))] * num_clips,
        video_ids=["a"] * num_clips,
        frame_idx=torch.arange(num_frames).expand(num_clips, -1),
    )


def test_training_forward_is_the_network_frame_by_frame(tiny):
    clips = batch()
    output = tiny.forward_clip(clips, features=True)
    frames = clips.frames[1, 2][None] / 255
    background, foreground = tiny.vos(frames, frames)[0]
    logits = output.mask_logits[2]
    assert logits.shape == (2, 40, 40)
    rounding = tolerance_of(tiny.vos, lambda vos: [vos(frames, frames)])
    assert_within(logits[1], foreground - background, rounding)
    assert output.features.query.shape == (3, 2, 320, 2, 2)
    rounding = tolerance_of(tiny.vos, lambda vos: [vos.appearance(frames).s16])
    assert_within(output.features.query[2, 1], tiny.vos.appearance(frames).s16[0], rounding)
    assert output.features.memory_frames == [[], [0], [0, 1]]
    assert tiny.forward_clip(clips).features is None


class Drawn:
    """Flow that is a picture of one grey."""

    def clip_pictures(self, frames):
        return torch.full_like(frames, 77, dtype=torch.uint8)


@pytest.mark.parametrize(("share", "still"), [(0.0, 0), (1.0, 8), (0.5, 4)])
def test_frames_stand_in_for_a_share_of_the_motion(share, still, monkeypatch):
    from pvuw.nets.tmo.clip_forward import _motion

    frames = torch.rand(8, 2, 3, 4, 4)
    torch.manual_seed(2)
    motion = _motion(frames, Drawn(), share)
    same = [torch.equal(a, b) for a, b in zip(motion, frames, strict=True)]
    assert sum(same) == pytest.approx(still, abs=2 if share == 0.5 else 0)
    drawn = [clip for clip, kept in zip(motion, same, strict=True) if not kept]
    assert all((clip == 77 / 255).all() for clip in drawn)
    assert _motion(frames[:, :1], Drawn(), 0.0) is not None  # a single frame has no flow


def test_several_objects_are_refused(tiny):
    with pytest.raises(ValueError, match="ForegroundModule"):
        tiny.forward_clip(batch(objects=2))


# Beside another network.


def test_the_anchor_says_which_object(tiny):
    net = AnchoredTmo(tiny, CopyFirst()).eval()
    session = net.start(2)
    frame = torch.randint(0, 256, (3, 32, 48), dtype=torch.uint8)
    masks = torch.zeros(2, 32, 48, dtype=torch.bool)
    masks[0, :16], masks[1, 16:] = True, True
    first = session.step(frame, MaskPrompt([4, 6], masks))
    assert torch.equal(first.mask_logits > 0, masks)
    output = session.step(frame, last=True)
    assert output.object_ids == [4, 6]
    stream = tiny.stream()
    stream.advance(frame, None)
    with torch.inference_mode():
        foreground = stream.logits() > 0
    shown = (output.mask_logits > 0).any(0)
    seen = output.has_opinion[:, None, None] & masks
    assert torch.equal(shown, foreground & seen.any(0))
    session.remove_object(4)
    assert session.object_ids == [6]

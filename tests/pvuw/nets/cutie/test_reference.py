"""Cutie against PyPI's `rf-cutie`: real and drawn frames, a training step with gradients."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from pvuw.io.frames import read_frame
from pvuw.io.masks import read_id_map
from pvuw.losses.point_sampled import PointSampledLoss
from pvuw.nets.cutie import Cutie
from pvuw.nets.cutie.clip_forward import CutieClips
from pvuw.types import MaskPrompt
from tests.helpers import cutie_reference
from tests.helpers.competing import probabilities
from tests.helpers.noise import DEEP, PROBABILITY_STEP, assert_within
from tests.pvuw.nets.cutie.tiny import AS_IS, batch, boxes, frames

pytest.importorskip("cutie.inference.inference_core", reason="the extra `reference` is missing")
REAL = Path(__file__).parents[5] / "shared" / "data" / "mini_davis"


def pair(size, *, kind=None):
    """The reference and ours, with the same weights."""
    torch.manual_seed(0)
    theirs = cutie_reference.build(size, kind=kind)
    ours = Cutie(size, frame_size=AS_IS, clip=CutieClips(num_ref_frames=8, deep_update_prob=1.0))
    ours.load_state_dict(theirs.state_dict(), strict=True)
    return theirs, ours.eval()


def assert_same_video(theirs, ours, size, video, id_map, **changes):
    reference, session = cutie_reference.Reference(theirs, size, **changes), ours.start()
    for t, frame in enumerate(video):
        last = t == len(video) - 1
        wanted = reference.step(frame, id_map if t == 0 else None, last=last)
        prompt = MaskPrompt.from_id_map(id_map) if t == 0 else None
        found = probabilities(session.step(frame, prompt, last=last).mask_logits)
        assert_within(found, wanted, PROBABILITY_STEP)


def test_drawn_frames():
    id_map = torch.zeros(56, 75, dtype=torch.uint8)
    for object_id, box in zip((3, 8), boxes(2, size_hw=(56, 75)), strict=True):
        id_map[box] = object_id
    theirs, ours = pair("small")
    changes = {"mem_every": 2, "top_k": 10}
    ours.memory = replace(ours.memory, **changes)
    assert_same_video(theirs, ours, "small", frames(4, size_hw=(56, 75)), id_map, **changes)


@pytest.mark.slow
@pytest.mark.skipif(not REAL.is_dir(), reason="real sample data is not there")
def test_ten_real_frames():
    size_hw = (120, 214)
    files = sorted((REAL / "JPEGImages" / "480p" / "horsejump-high").glob("*.jpg"))[:10]
    video = [
        torch.from_numpy(
            cv2.resize(read_frame(file).permute(1, 2, 0).numpy(), size_hw[::-1])
        ).permute(2, 0, 1)
        for file in files
    ]
    mask = REAL / "Annotations" / "480p" / "horsejump-high" / "00000.png"
    small = cv2.resize(
        np.asarray(read_id_map(mask)), size_hw[::-1], interpolation=cv2.INTER_NEAREST
    )
    id_map = torch.from_numpy(small)
    assert len(video) == 10
    assert_same_video(*pair("base"), "base", video, id_map)


def test_training_step_and_gradients():
    from cutie.model.losses import LossComputer
    from cutie.model.train_wrapper import CutieTrainWrapper
    from omegaconf import OmegaConf

    stage = OmegaConf.create(
        {
            "num_objects": 3, "seq_length": 3, "num_ref_frames": 8, "deep_update_prob": 1.0,
            "amp": False, "point_supervision": True, "train_num_points": 200,
            "oversample_ratio": 3.0, "importance_sample_ratio": 0.75,
        }
    )  # fmt: skip
    theirs, ours = pair("small", kind=(CutieTrainWrapper, stage))
    theirs.train()
    ours.train()
    clips = batch([2, 1])
    indices = torch.arange(1, 3)[:, None, None]
    labels = (clips.masks * indices).amax(dim=2)  # [B, T, H, W]
    given = {
        "rgb": clips.frames.float() / 255,
        "first_frame_gt": clips.masks[:, :1].float(),
        "cls_gt": labels[:, :, None],
        "selector": torch.tensor([[1.0, 1.0], [1.0, 0.0]]),
        "info": {"num_objects": torch.tensor([2, 1])},
    }
    said = theirs(given)
    torch.manual_seed(1)
    computer = LossComputer(cutie_reference.config("small"), stage)
    wanted = computer.compute({**given, **said}, [2, 1])
    output = ours.forward_clip(clips)
    torch.manual_seed(1)
    terms = PointSampledLoss(200)(output, clips)
    expected = torch.stack([wanted["loss_ce"], wanted["loss_dice"], wanted["total_loss"]])
    found = torch.stack([terms.ce, terms.dice, terms.total])
    torch.testing.assert_close(found, expected, atol=0, rtol=DEEP)
    wanted["total_loss"].backward()
    terms.total.backward()
    grads = dict(theirs.named_parameters())
    for name, parameter in ours.named_parameters():
        scale = grads[name].grad.abs().max().clamp(min=1e-6)
        assert (parameter.grad - grads[name].grad).abs().max() / scale < 2e-2, name

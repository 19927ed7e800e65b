from pathlib import Path

import numpy as np
import pytest
import torch

from pvuw.errors import WeightsError
from pvuw.metrics.accumulate import VideoScore
from pvuw.nets.sam2 import Sam2
from pvuw.nets.shipped import SHIPPED, shipped_weights
from pvuw.ops.id_maps import logits_to_id_map, resize_logits
from pvuw.sample.scene import generate_video
from pvuw.types import MaskPrompt


def test_nano_weights_are_small_enough_to_ship():
    assert shipped_weights("sam2_nano").stat().st_size <= 8 << 20


def test_no_other_size_has_any():
    with pytest.raises(WeightsError, match=r"none ship for sam2_tiny \(there are sam2_nano\)"):
        Sam2("tiny", weights=Path(SHIPPED))


def test_a_cut_file_is_refused(tmp_path):
    whole = shipped_weights("sam2_nano").read_bytes()
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(whole[:-1000])
    with pytest.raises(WeightsError, match=r"cut.safetensors: not a whole safetensors file"):
        Sam2(weights=cut)


def test_shipped_nano_follows_objects_of_a_video_it_never_saw():
    frames = list(generate_video(4242, num_frames=10, size_hw=(180, 320), scenes="calm"))
    net = Sam2(image_size=256, weights=Path(SHIPPED)).eval()
    session, score = net.start(len(frames)), VideoScore(None, "mose")
    copied = VideoScore(None, "mose")
    first = torch.from_numpy(frames[0].id_map)
    for t, sample in enumerate(frames):
        image = torch.from_numpy(sample.frame).permute(2, 0, 1)
        output = session.step(image, MaskPrompt.from_id_map(first) if t == 0 else None)
        logits = resize_logits(output.mask_logits, (180, 320))
        score.add(sample.id_map, logits_to_id_map(logits, output.object_ids).numpy())
        copied.add(sample.id_map, first.numpy())

    def jf(scored):
        result = scored.result()
        return float(np.mean(result.object_j) + np.mean(result.object_f)) / 2

    assert jf(score) > 0.7
    assert jf(score) > jf(copied) + 0.25

"""Qwen-VL families: names load strictly, answers are those of transformers' own `generate`."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from pvuw.errors import WeightsError
from pvuw.nets.sa2va import Sa2va
from pvuw.nets.sa2va.key_frames import FirstFrames
from pvuw.sample.scene import generate_clip
from tests.helpers.noise import DEEP
from tests.pvuw.nets.sa2va.golden import Frames, write_directory
from tests.pvuw.nets.sa2va.test_directory import TOKENIZER

TEXT = {
    "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "head_dim": 16, "vocab_size": 704, "max_position_embeddings": 4096,
}  # fmt: skip
VISION = {
    "depth": 2, "hidden_size": 32, "num_heads": 2, "intermediate_size": 48, "out_hidden_size": 64,
    "temporal_patch_size": 2, "spatial_merge_size": 2,
}  # fmt: skip
FAMILIES = {
    "qwen3_vl": {
        "text_config": TEXT | {
            "model_type": "qwen3_vl_text",
            "rope_parameters": {"rope_type": "default", "rope_theta": 1e6,
                                "mrope_section": [4, 2, 2], "mrope_interleaved": True},
        },
        "vision_config": VISION | {"model_type": "qwen3_vl", "patch_size": 16,
                                   "num_position_embeddings": 64,
                                   "deepstack_visual_indexes": [0]},
    },
    "qwen2_5_vl": {
        "text_config": TEXT | {
            "model_type": "qwen2_5_vl_text",
            "rope_parameters": {"rope_type": "default", "rope_theta": 1e6,
                                "mrope_section": [4, 2, 2]},
        },
        "vision_config": VISION | {"model_type": "qwen2_5_vl", "patch_size": 14,
                                   "window_size": 112, "fullatt_block_indexes": [1]},
    },
}  # fmt: skip
SAM2 = {
    "image_size": 64, "embed_dim": 16, "num_heads": 1, "stages": [1, 1, 2, 1],
    "global_att_blocks": [3], "window_spec": [8, 4, 14, 7],
    "window_pos_embed_bkg_spatial_size": [7, 7],
}  # fmt: skip
MORE = {"<|vision_start|>": 693, "<|vision_end|>": 694, "<|image_pad|>": 695}


@pytest.fixture(scope="module", params=sorted(FAMILIES))
def case(request, tmp_path_factory):
    """A directory as published, and the class of transformers its weights were drawn with."""
    from transformers import (
        Qwen2_5_VLConfig,
        Qwen2_5_VLForConditionalGeneration,
        Qwen3VLConfig,
        Qwen3VLForConditionalGeneration,
    )

    from pvuw.nets.sa2va.build import build_sam2

    ids = {"image_token_id": 695, "vision_start_token_id": 693, "vision_end_token_id": 694}
    said = {"model_type": "sa2va_chat", "template": "qwen_chat", **ids, **FAMILIES[request.param]}
    kinds = {
        "qwen3_vl": (Qwen3VLConfig, Qwen3VLForConditionalGeneration),
        "qwen2_5_vl": (Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration),
    }
    make_config, make = kinds[request.param]
    torch.manual_seed(1)
    config = make_config(**FAMILIES[request.param], **ids, tie_word_embeddings=False)
    theirs = make(config).eval()
    folder = tmp_path_factory.mktemp(request.param)
    write_directory(folder, config=said, weights={}, tokenizer=TOKENIZER, sam2=SAM2)
    add_tokens(folder / "tokenizer.json")
    (folder / "preprocessor_config.json").write_text(
        json.dumps({"patch_size": VISION_PATCH[request.param], "merge_size": 2,
                    "temporal_patch_size": 2, "image_mean": [0.5] * 3, "image_std": [0.5] * 3})
    )  # fmt: skip
    sam2 = build_sam2(None, folder)
    published = {f"model.{name}": weight for name, weight in theirs.state_dict().items()}
    for name, weight in sam2.state_dict().items():
        theirs_name = name.replace(".gamma", ".g_weight") if "fuser" in name else name
        published[f"grounding_encoder.sam2_model.{theirs_name}"] = weight
    for layer, (rows, columns) in {0: (64, 64), 2: (256, 64)}.items():
        published[f"text_hidden_fcs.{layer}.weight"] = torch.randn(rows, columns)
        published[f"text_hidden_fcs.{layer}.bias"] = torch.randn(rows)
    (folder / "model.safetensors").unlink()
    write_directory(folder, config=said, weights=published, tokenizer=folder, sam2=SAM2)
    return folder, theirs, published


VISION_PATCH = {"qwen3_vl": 16, "qwen2_5_vl": 14}


def add_tokens(path):
    tokenizer = json.loads(path.read_text())
    like = tokenizer["added_tokens"][-1]
    tokenizer["added_tokens"] += [like | {"id": i, "content": text} for text, i in MORE.items()]
    path.write_text(json.dumps(tokenizer))


def test_names_load_strictly_and_answers_are_those_of_generate(case):
    folder, theirs, published = case
    net = Sa2va(folder, key_frames=FirstFrames(2), max_new_tokens=6).eval()
    for name, weight in net.official_state_dict().items():
        assert torch.equal(weight, published[name]), name
    held = tuple(prefix for prefixes in net.parts().values() for prefix in prefixes)
    assert all(name.startswith(held) for name, _ in net.named_parameters())
    clip = generate_clip(4, num_frames=2, size_hw=(48, 64)).frames
    video = Frames(clip)
    frames = [video.read_frame(t) for t in range(2)]
    reader = net.reader
    with torch.inference_mode():
        (answer,) = net.answers("v", frames, ["the red cow"])
        patches, grids = reader.patches(frames)
        prompt = torch.tensor([reader.prompt("the red cow", grids)])
        generated = theirs.generate(
            input_ids=prompt, attention_mask=torch.ones_like(prompt), pixel_values=patches,
            image_grid_thw=grids, mm_token_type_ids=(prompt == 695).int(), do_sample=False,
            max_new_tokens=6, eos_token_id=sorted(reader.stop.ids), pad_token_id=0,
            output_hidden_states=True, return_dict_in_generate=True,
        )  # fmt: skip
        assert answer.ids == generated.sequences[0, prompt.shape[1] :].tolist()
        assert len(set(answer.ids)) > 1, "more than one token again and again"
        reader.seg_id = answer.ids[1]
        (answer,) = net.answers("v", frames, ["the red cow"])
    place = answer.ids.index(reader.seg_id)
    state = generated.hidden_states[place + 1][-1][0, -1]
    assert torch.allclose(answer.seg_states[0], state, atol=DEEP)


def test_frames_are_patches_of_their_own_shape(case):
    folder, _, _ = case
    reader = Sa2va(folder).reader
    patches, grids = reader.patches([torch.zeros(3, 90, 160, dtype=torch.uint8)])
    side = reader.processor.patch_size
    height, width = (int(n) * side for n in grids[0, 1:])
    assert height * width * 1.1 >= 512 * 28 * 28
    assert width / height == pytest.approx(168 / 84, rel=0.1)  # 160 x 90 in multiples of 28
    assert len(patches) == grids[0].prod()


def test_without_a_preprocessor_it_is_one_line(case, tmp_path):
    folder, _, _ = case
    for file in folder.iterdir():
        if file.name != "preprocessor_config.json":
            (tmp_path / file.name).symlink_to(file)
    with pytest.raises(WeightsError, match=r"no preprocessor_config\.json"):
        Sa2va(tmp_path)


def test_size_of_pictures():
    from pvuw.nets.sa2va.qwen import _multiple

    assert _multiple(Image.fromarray(np.zeros((90, 160, 3), np.uint8)).size) == (168, 84)
    assert _multiple((10, 5)) == (28, 28)

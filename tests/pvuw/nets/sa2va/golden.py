"""Golden cases of the original Sa2VA, as directories as it is published."""

import json
import re
import zlib
from functools import cached_property
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import save_file

from pvuw.io.videos import Video
from tests.helpers.golden import OWN, SHARED, Folder, checksum, fill

NAMES = ("sa2va_drawn", "sa2va_qwen2", "sa2va_internlm2", "sa2va_i")


class Sa2vaFolder(Folder):
    """One published network, small, and what it says about several sentences."""

    @cached_property
    def variants(self):
        return {variant["name"]: variant for variant in self.meta["variants"]}

    def weights(self):
        """The weights by the rule, checked, and the rows that steer the answers."""
        arrays = fill_by_rules(self.keys, seed=self.meta["seed"], rules=self.meta["fill"]["rules"])
        assert checksum(arrays) == self.meta["fill_sha256"], "the rule gives other weights"
        for change in self.meta["overrides"]:
            arrays[change["name"]][self.inputs[change["ids"]]] = self.inputs[change["rows"]]
        return {name: torch.from_numpy(np.ascontiguousarray(a)) for name, a in arrays.items()}

    @cached_property
    def config(self):
        """What its `config.json` says."""
        kinds = {"vision_config": self.meta["vision_config"], "llm_config": self.meta["llm_config"]}
        return {**self.meta["top_config"], "model_type": "sa2va_chat", **kinds}

    def write(self, folder, *, shards=1):
        """Write it as it would be published."""
        write_directory(
            folder,
            config=self.config,
            weights=self.weights(),
            tokenizer=self.path / "tokenizer",
            sam2=self.meta["sam2"],
            shards=shards,
        )

    def video(self, variant):
        """Its frames, all or those the variant names."""
        chosen = variant.get("video_frames", slice(None))
        return Frames(self.inputs["frames"][chosen])

    def of(self, variant, name):
        return torch.from_numpy(self.expected[f"{variant['name']}/{name}"])

    def masks(self, variant, track, size_hw):
        """Masks of a track by frame, bool `[H, W]`."""
        frames = self.of(variant, f"track{track}/frames").tolist()
        packed = self.of(variant, f"track{track}/masks_packed").numpy()
        height, width = size_hw
        return {
            t: torch.from_numpy(np.unpackbits(row)[: height * width].reshape(height, width) > 0)
            for t, row in zip(frames, packed, strict=True)
        }


class Frames(Video):
    """Frames in memory, uint8 `[T, H, W, 3]`."""

    def __init__(self, frames):
        super().__init__("golden", [Path(f"{t:05}.jpg") for t in range(len(frames))])
        self.frames = frames

    @property
    def size_hw(self):
        return self.frames.shape[1:3]

    def read_frame(self, position):
        return torch.from_numpy(self.frames[position].copy()).permute(2, 0, 1).contiguous()


def find(name):
    """The case of a name, or a skip that says where it would be."""
    path = next((p for p in (OWN / name, SHARED / "mevis" / name) if p.is_dir()), None)
    if path is None:
        pytest.skip(f"{SHARED / 'mevis' / name} is not there")
    return Sa2vaFolder(path)


def fill_by_rules(keys, *, seed, rules):
    """All weights of a key list: by the first rule whose pattern is found, else by the usual one.

    Of a rule, `std` is the deviation, `gain` that of what a unit of the output sums up, and `one`
    the deviation around 1.
    """
    arrays = {}
    for name, shape, _, _ in keys:
        rule = next((r[1:] for r in rules if re.search(r[0], name)), None)
        if rule is None:
            arrays[name] = fill(name, shape, seed=seed, gain=1.0)
            continue
        rng = np.random.RandomState(zlib.crc32(f"{seed}:{name}".encode()) & 0x7FFFFFFF)
        kind, value = rule
        drawn = rng.standard_normal(shape)
        if kind == "gain":
            value = value / np.sqrt(np.prod(shape) / shape[0])
        arrays[name] = np.asarray(drawn * value + (kind == "one"), np.float32)
    return arrays


def write_directory(folder, *, config, weights, tokenizer, sam2, shards=1):
    """Write a directory as published; with `sam2`, the sizes of a small SAM 2.0."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    if sam2 is not None:
        (folder / "sam2.yaml").write_text(yaml.safe_dump(small_sam2(sam2)))
    for file in tokenizer.iterdir():
        if file.name != "config.json":
            (folder / file.name).write_bytes(file.read_bytes())
    write_shards(folder, weights, shards)


def write_shards(folder, weights, shards):
    if shards == 1:
        save_file(weights, folder / "model.safetensors")
        return
    names = sorted(weights)
    weight_map = {}
    for part in range(shards):
        file = f"model-{part + 1:05}-of-{shards:05}.safetensors"
        some = names[part::shards]
        save_file({name: weights[name] for name in some}, folder / file)
        weight_map |= dict.fromkeys(some, file)
    index = {"metadata": {}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def small_sam2(sizes):
    """The configuration of SAM 2.0 large with another trunk and image size."""
    text = (files("sam2") / "configs/sam2/sam2_hiera_l.yaml").read_text()
    config = yaml.safe_load(text)
    encoder = config["model"]["image_encoder"]
    names = ("embed_dim", "num_heads", "stages", "global_att_blocks", "window_spec")
    bias = "window_pos_embed_bkg_spatial_size"
    encoder["trunk"] |= {name: sizes[name] for name in (*names, bias)}
    width = sizes["embed_dim"]
    encoder["neck"]["backbone_channel_list"] = [width * 8, width * 4, width * 2, width]
    config["model"]["image_size"] = sizes["image_size"]
    return config

"""ReferDINO's golden cases: upstream's weights by their own rules, in a network of ours."""

import json
import re
import zlib
from functools import lru_cache

import numpy as np
import pytest
import torch

from pvuw.nets.referdino.config import BertSize, ReferDinoConfig, SwinSize
from pvuw.nets.referdino.keys import from_release
from pvuw.nets.referdino.network import ReferDinoModel
from tests.helpers.golden import SHARED, checksum

FOLDER = SHARED / "mevis" / "referdino"
needs_golden = pytest.mark.skipif(
    not FOLDER.is_dir(), reason="no golden cases of ReferDINO (../shared/golden/mevis/referdino)"
)


@lru_cache(maxsize=1)
def meta():
    return json.loads((FOLDER / "meta.json").read_text())


@lru_cache(maxsize=1)
def key_list():
    return json.loads((FOLDER / "keys.json").read_text())


@lru_cache(maxsize=1)
def expected():
    with np.load(FOLDER / "expected.npz") as arrays:
        return dict(arrays)


def config():
    """The size of the case."""
    sizes = meta()["groundingdino"]
    swin, bert = meta()["swin_config"], meta()["bert_config"]
    return ReferDinoConfig(
        swin=SwinSize(
            swin["embed_dim"], tuple(swin["depths"]), tuple(swin["num_heads"]), swin["window_size"]
        ),
        bert=BertSize(
            bert["vocab_size"],
            bert["hidden_size"],
            bert["num_hidden_layers"],
            bert["num_attention_heads"],
            bert["intermediate_size"],
        ),
        hidden=sizes["dim_feedforward"],
        encoder_layers=sizes["enc_layers"],
        decoder_layers=sizes["dec_layers"],
        queries=sizes["num_queries"],
        temporal_layers=sizes["temporal_layer"],
        mask_layers=sizes["SegHead"]["n_layers"],
        lora_rank=sizes["lora_rank"],
    )


def _fill(name, shape):
    """One weight by the case's rules: a pattern changes its gain or gives its deviation."""
    gain, deviation = 1.0, None
    for pattern, kind, value in meta()["fill"]["rules"]:
        if re.search(pattern, name):
            gain, deviation = (value, deviation) if kind == "gain" else (gain, value)
    key = f"{meta()['seed']}:{name}".encode()
    drawn = np.random.RandomState(zlib.crc32(key) & 0x7FFFFFFF).standard_normal(shape)
    if deviation is not None:
        values = deviation * drawn
    elif len(shape) >= 2:
        values = drawn * gain / np.sqrt(np.prod(shape) / shape[0])
    else:
        values = 0.1 * drawn + (1 if name.endswith("weight") else 0)
    return np.asarray(values, np.float32)


@lru_cache(maxsize=1)
def weights():
    """Upstream's weights under its names, checked; copies of a shared layer are the first one."""
    found = {}
    for name, shape, _, constant, *shared in key_list():
        if not constant:  # constants are Swin's tables, which follow from the window
            found[name] = found[shared[0]] if shared else _fill(name, shape)
    assert checksum(found) == meta()["fill_sha256"], "the rules give other weights"
    return {name: torch.from_numpy(array) for name, array in found.items()}


def network():
    """Our network with these weights, in eval mode."""
    model = ReferDinoModel(config()).eval()
    model.load_state_dict(from_release(weights()))
    return model


class Frames:
    """The frames of a case, as a video that is read."""

    video_id = "case"

    def __init__(self, clip):
        with np.load(FOLDER / "inputs.npz") as arrays:
            frames = arrays[f"{clip['name']}/frames"]
        self.frames = torch.from_numpy(frames).permute(0, 3, 1, 2).contiguous()

    def __len__(self):
        return len(self.frames)

    def read_frame(self, position):
        return self.frames[position]

"""Freezes XMem at narrow widths as regression files: `python -m tests.data.golden.freeze_xmem`.

Run it only on code that agrees with the original's cases (`PVUW_GOLDEN`, tests/helpers/golden.py).
The videos are drawn by `pvuw.sample`.
"""

import json
import re

import numpy as np
import torch

from pvuw.nets.matching.framing import SizePolicy
from pvuw.nets.xmem import XMem
from pvuw.nets.xmem.modules import XMemWidths
from pvuw.sample.scene import generate_clip
from pvuw.types import MaskPrompt
from tests.helpers.golden import OWN, checksum, fill_all
from tests.pvuw.nets.xmem.test_golden import memory_config

FOLDER = OWN / "xmem_frozen"
SEED = 7
WIDTHS = XMemWidths(key=16, value=64, sensory=16, trunk=16)
DEFAULTS = {
    "enable_long_term": True,
    "max_mid_term_frames": 10,
    "min_mid_term_frames": 5,
    "max_long_term_elements": 10000,
    "num_prototypes": 128,
    "top_k": 30,
    "mem_every": 5,
    "deep_update_every": -1,
}
CONDENSED = {
    "mem_every": 1,
    "max_mid_term_frames": 3,
    "min_mid_term_frames": 2,
    "num_prototypes": 8,
    "top_k": 6,
}
CASES = {
    # Padding on both sides, ids out of order, no long-term memory.
    "gap_ids": (5, {0: [4, 1]}, {"mem_every": 2, "enable_long_term": False}, [59, 75]),
    # An object that appears while working memory is condensed.
    "late_object": (9, {0: [3], 3: [4]}, CONDENSED | {"max_long_term_elements": 500}, [64, 80]),
    # Long-term memory at its limit, of one group.
    "full": (9, {0: [3, 4]}, CONDENSED | {"max_long_term_elements": 20}, [64, 80]),
    # Deep updates out of step with memory frames.
    "deep_update": (6, {0: [4]}, {"mem_every": 2, "deep_update_every": 3}, [64, 80]),
}


def main():
    torch.set_num_threads(1)
    net = XMem(widths=WIDTHS, frame_size=SizePolicy(shorter_side=None)).eval()
    state = net.state_dict()
    keys = [
        (n, list(w.shape), str(w.dtype).removeprefix("torch."), False) for n, w in state.items()
    ]
    arrays = fill_all(keys, seed=SEED)
    net.load_state_dict({n: torch.from_numpy(a) for n, a in arrays.items()})
    clip = generate_clip(3, num_frames=9, size_hw=(64, 80))
    inputs, expected = {"stack/drawn": clip.frames.transpose(0, 3, 1, 2)}, {}
    cases = {n: run(net, n, clip, *case, inputs, expected) for n, case in CASES.items()}
    meta = {
        "model": "xmem",
        "split": "own: frozen output of this package, narrow widths",
        "seed": SEED,
        "gain": 1.0,
        "name_scales": [],
        "weights_sha256": checksum(arrays),
        "prob_subsample": "probsub = prob[:, 1::4, 1::4]",
        "default_config": DEFAULTS,
        "cases": cases,
    }
    FOLDER.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(FOLDER / "inputs.npz", **inputs)
    np.savez_compressed(FOLDER / "expected.npz", **expected)
    (FOLDER / "keys.json").write_text(lines(json.dumps(keys)))
    (FOLDER / "meta.json").write_text(json.dumps(meta, indent=1) + "\n")


def lines(text):
    return re.sub(r"\], \[\"", '],\n["', text) + "\n"


def run(net, name, clip, num_frames, prompts, config, size_hw, inputs, expected):
    """One case: its masks into `inputs`, its results into `expected`, its settings returned."""
    net.memory = memory_config(DEFAULTS | config)
    session, ids, sizes = net.start(), [], []
    for t in range(num_frames):
        frame = torch.from_numpy(clip.frames[t, : size_hw[0], : size_hw[1]]).permute(2, 0, 1)
        id_map = clip.id_maps[t, : size_hw[0], : size_hw[1]]
        prompt = None
        if t in prompts:
            numbers = [clip.object_ids[n - 1] for n in prompts[t]]
            shown = np.where(np.isin(id_map, numbers), id_map, 0).astype(np.uint8)
            inputs[f"{name}/mask/{t}"] = shown
            prompt = MaskPrompt.from_id_map(torch.from_numpy(shown), numbers)
        output = session.step(frame, prompt, last=t == num_frames - 1)
        logits = torch.cat([torch.zeros_like(output.mask_logits[:1]), output.mask_logits])
        expected[f"{name}/probsub/{t}"] = logits.softmax(0)[:, 1::4, 1::4].numpy()
        channels = torch.tensor([0, *output.object_ids], dtype=torch.uint8)
        ids.append(channels[logits.argmax(0)].numpy())
        memory = session.memory
        sizes.append(
            {
                "t": t,
                "work": memory.work.size,
                "long": 0 if memory.long is None else memory.long.size,
                "v": [len(g.work) for g in memory.groups],
                "lv": [g.long_size for g in memory.groups if g.long_size],
            }
        )
    expected[f"{name}/ids"] = np.stack(ids)
    return {
        "stack": "drawn",
        "frame_index": list(range(num_frames)),
        "crop_y0y1x0x1": [0, size_hw[0], 0, size_hw[1]],
        "channel_ids": session.object_ids,
        "end_flag_frame": num_frames - 1,
        "config": config,
        "memory_trace": sizes,
    }


if __name__ == "__main__":
    main()

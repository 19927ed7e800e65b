"""Freezes TMO as regression files: `python -m tests.data.golden.freeze_tmo`.

Small, on a drawn frame, so that the suite needs nothing else. The numbers are those of this
project's network, written when it agreed with the original on that one's own cases (scores within
2e-5, every mask equal); they hold it to that from then on. Weights follow the rule of
`tests/helpers/golden.py`.
"""

import json
import math
from pathlib import Path

import numpy as np
import torch

from pvuw.nets.tmo import Tmo
from pvuw.ops.flow import flow_to_rgb
from pvuw.sample.scene import generate_clip
from tests.helpers.golden import checksum, fill_all

HERE = Path(__file__).parent
SIDE, SIZE_HW, SEED = 64, (48, 72), 31
SCALES = (("vos.decoder.", 1.4),)


def keys_of(net):
    return [
        (name, list(w.shape), str(w.dtype).removeprefix("torch."), name.endswith((".mean", ".std")))
        for name, w in net.state_dict().items()
    ]


def drawn_inputs():
    """One frame of a generated clip, and the colours of a smooth field with a fast patch."""
    frame = generate_clip(7, num_frames=2, size_hw=SIZE_HW).frames[:1].transpose(0, 3, 1, 2)
    rows, columns = torch.meshgrid(*(torch.linspace(0, math.pi, side) for side in (40, 60)))
    flow = torch.stack([rows.sin() * 2, columns.cos()])
    flow[:, 10:25, 20:45] += 6
    return np.ascontiguousarray(frame), flow_to_rgb(flow)[None].numpy()


def make(variant):
    net = Tmo(variant, image_size=SIDE).eval()
    keys = keys_of(net)
    weights = fill_all(keys, seed=SEED, name_scales=SCALES)
    net.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
    frame, motion = drawn_inputs()
    pictures = [torch.from_numpy(array).float() / 255 for array in (frame, motion)]
    with torch.inference_mode():
        scores, selected = net.vos(*pictures), net.vos.select(*pictures)
    folder = HERE / f"tmo_{variant}_frozen"
    folder.mkdir(exist_ok=True)
    np.savez_compressed(folder / "inputs.npz", **{"drawn/frames": frame, "drawn/flow_rgb": motion})
    expected = {
        "drawn/scores/0": scores[0],
        "drawn/scoressub/0": scores[0, :, 1::4, 1::4],
        "drawn/scores_aos_sub/0": selected.scores[0, :, 1::4, 1::4],
        "drawn/mask": scores.argmax(1).byte(),
        "drawn/mask_aos": selected.scores.argmax(1).byte(),
        "drawn/aos_conf": selected.confidence,
        "drawn/aos_uses_image": selected.without_motion.byte(),
    }
    np.savez_compressed(folder / "expected.npz", **{k: v.numpy() for k, v in expected.items()})
    (folder / "keys.json").write_text(json.dumps(keys, separators=(",", ":")))
    meta = {
        "model": f"tmo_{variant}",
        "seed": SEED,
        "gain": 1.0,
        "name_scales": SCALES,
        "image_size": SIDE,
        "weights_sha256": checksum(weights),
        "produced_with": {"pvuw": "tests/data/golden/freeze_tmo.py", "torch": torch.__version__},
        "cases": {"drawn": {"frames": 1}},
    }
    (folder / "meta.json").write_text(json.dumps(meta, indent=1) + "\n")


if __name__ == "__main__":
    torch.set_num_threads(1)
    for name in ("mitb1", "rn101"):
        make(name)

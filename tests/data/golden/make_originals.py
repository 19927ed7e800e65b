"""Runs the original Cutie and LiVOS on drawn video and keeps what they say as golden cases.

`python -m tests.data.golden.make_originals cutie_small` needs the package `rf-cutie`;
`python -m tests.data.golden.make_originals livos CHECKOUT` a copy of github.com/uncbiag/LiVOS.
"""

import json
import re
import sys
from pathlib import Path

import numpy as np
import torch

from pvuw.sample.scene import generate_clip
from tests.helpers import cutie_reference
from tests.helpers.golden import OWN, checksum, fill_all

SEED = 7
NUM_FRAMES = 9
CONDENSED = {
    "mem_every": 1,
    "use_long_term": True,
    "long_term": {
        "count_usage": True,
        "max_mem_frames": 3,
        "min_mem_frames": 2,
        "num_prototypes": 6,
        "max_num_tokens": 20,
        "buffer_tokens": 4,
    },
    "top_k": 6,
}
CASES = {
    "cutie_small": {
        # Padding on all sides, ids out of order, an object that appears later.
        "gap_ids": (5, {0: [4, 1], 2: [2]}, {"mem_every": 2, "top_k": 10}, (59, 75)),
        # Long-term memory that overflows, a second group of objects.
        "pruned": (9, {0: [3], 2: [4]}, CONDENSED, (64, 80)),
        "fifo": (5, {0: [3, 4]}, {"mem_every": 1, "max_mem_frames": 2, "top_k": 5}, (48, 64)),
    },
    "livos": {
        "gap_ids": (5, {0: [4, 1], 2: [2]}, {}, (59, 75)),
        "appear": (6, {0: [3], 2: [4], 3: [1]}, {}, (48, 64)),
    },
}


class LiVOSReference:
    """The original LiVOS on one video."""

    def __init__(self, net):
        from livos.eval import InferenceCore

        self.core = InferenceCore(net)

    def step(self, frame, id_map=None, *, objects=None, last=False):
        """What it returns: logits on the first frame, probabilities on later ones."""
        with torch.inference_mode():
            return self.core.step(frame.float() / 255, id_map, objects, last)


def build_livos(checkout):
    """The original network without the download its constructor makes."""
    sys.path.insert(0, checkout)
    from livos.model import livos_wrapper
    from livos.model.utils import resnet

    class Offline:
        """The module `resnet` with constructors that download nothing."""

        @staticmethod
        def resnet18(pretrained=True, extra_dim=0):
            return resnet.resnet18(pretrained=False, extra_dim=extra_dim)

        @staticmethod
        def resnet50(pretrained=True, extra_dim=0):
            return resnet.resnet50(pretrained=False, extra_dim=extra_dim)

    livos_wrapper.resnet = Offline
    return livos_wrapper.LIVOS().eval()


def main(model, *more):
    torch.set_num_threads(1)
    livos = model == "livos"
    net = build_livos(*more) if livos else cutie_reference.build("small")
    constants = {n: w.numpy() for n, w in net.state_dict().items() if n.endswith("inv_freq")}
    keys = [
        (n, list(w.shape), str(w.dtype).removeprefix("torch."), n in constants)
        for n, w in net.state_dict().items()
    ]
    arrays = fill_all(keys, seed=SEED, constants=constants)
    net.load_state_dict({n: torch.from_numpy(a) for n, a in arrays.items()})
    clip = generate_clip(3, num_frames=NUM_FRAMES, size_hw=(64, 80))
    inputs = {"stack/drawn": clip.frames.transpose(0, 3, 1, 2)}
    expected = {f"constant/{name}": array for name, array in constants.items()}
    cases = {}
    for name, (num_frames, prompts, config, size_hw) in CASES[model].items():
        session = (
            LiVOSReference(net) if livos else cutie_reference.Reference(net, "small", **config)
        )
        cases[name] = run(session, name, clip, num_frames, prompts, size_hw, inputs, expected)
        cases[name]["config"] = config
    meta = {
        "model": model,
        "split": "own: the original network on drawn video",
        "seed": SEED,
        "gain": 1.0,
        "name_scales": [],
        "weights_sha256": checksum(arrays),
        "prob_subsample": "probsub = prob[:, 1::4, 1::4]",
        "default_config": {} if livos else cutie_reference.CONFIG,
        "cases": cases,
    }
    write(OWN / model, inputs, expected, keys, meta)


def write(folder, inputs, expected, keys, meta):
    folder.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(folder / "inputs.npz", **inputs)
    np.savez_compressed(folder / "expected.npz", **expected)
    text = re.sub(r"\], \[\"", '],\n["', json.dumps(keys)) + "\n"
    Path(folder / "keys.json").write_text(text)
    Path(folder / "meta.json").write_text(json.dumps(meta, indent=1) + "\n")


def run(session, name, clip, num_frames, prompts, size_hw, inputs, expected):
    """One case: its masks into `inputs`, its results into `expected`, its settings returned."""
    channels, ids, trace = [], [], []
    for t in range(num_frames):
        frame = torch.from_numpy(clip.frames[t, : size_hw[0], : size_hw[1]]).permute(2, 0, 1)
        objects = shown = None
        if t in prompts:
            id_map = clip.id_maps[t, : size_hw[0], : size_hw[1]]
            numbers = [clip.object_ids[n - 1] for n in prompts[t]]
            objects = [n for n in numbers if (id_map == n).any()]
            channels += objects
            inputs[f"{name}/mask/{t}"] = np.where(np.isin(id_map, objects), id_map, 0).astype("u1")
            shown = torch.from_numpy(inputs[f"{name}/mask/{t}"])
        probs = session.step(frame, shown, objects=objects, last=t == num_frames - 1)
        expected[f"{name}/probsub/{t}"] = probs[:, 1::4, 1::4].numpy()
        ids.append(np.array([0, *channels], "u1")[probs.argmax(0).numpy()])
        memory = getattr(session.core, "memory", None)
        if memory is not None:
            work = {str(bucket): memory.work_mem.size(bucket) for bucket in memory.work_mem.buckets}
            trace.append({"t": t, "work": work})
    expected[f"{name}/ids"] = np.stack(ids)
    return {
        "stack": "drawn",
        "frame_index": list(range(num_frames)),
        "crop_y0y1x0x1": [0, size_hw[0], 0, size_hw[1]],
        "channel_ids": channels,
        "end_flag_frame": num_frames - 1,
        "memory_trace": trace or None,
    }


if __name__ == "__main__":
    main(*sys.argv[1:])

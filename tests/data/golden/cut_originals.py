"""Cuts small cases out of those of the originals: `python -m tests.data.golden.cut_originals`.

The numbers stay the originals' (`PVUW_GOLDEN`, tests/helpers/golden.py): fewer cases and frames are
kept, the sampled outputs and the id maps, so that the suite can hold them. Cutting a case's end off
leaves what came before as it was. One picture stack serves the three networks that saw the same.
"""

import json

import numpy as np

from tests.helpers.golden import OWN, folders

CASES = {
    # Long-term memory is made in frame 4; an object comes in frame 3.
    "xmem": ("long_term_groups", 6),
    "cutie_base": ("mixed_mask", 5),
    "livos": ("two_insertions", 6),
}
STACK = OWN / "judo_stack.npz"
CROP = [8, 104, 40, 168]


def cut_tracker(model):
    name, length = CASES[model]
    (source,) = [f for f in folders(model) if OWN not in f.path.parents]
    case = source.meta["cases"][name]
    assert case["crop_y0y1x0x1"] == CROP
    assert case["frame_index"][:length] == list(range(length))
    inputs = {k: source.inputs[k] for k in source.inputs.files if k.startswith(f"{name}/mask/")}
    inputs = {k: mask for k, mask in inputs.items() if int(k.rsplit("/", 1)[1]) < length}
    expected = {k: source.expected[k] for k in source.expected.files if k.startswith("constant/")}
    for t in range(length):
        expected[f"{name}/probsub/{t}"] = source.expected[f"{name}/probsub/{t}"]
    expected[f"{name}/ids"] = source.expected[f"{name}/ids"][:length]
    kept = {k: case[k] for k in ("stack", "channel_ids", "config")}
    last = case["end_flag_frame"]
    kept |= {
        "frame_index": list(range(length)),
        "crop_y0y1x0x1": None,
        "end_flag_frame": last if last < length else None,
        "memory_trace": (case.get("memory_trace") or [])[:length] or None,
    }
    stack = source.inputs["stack/judo"]
    top, bottom, left, right = CROP
    write(source, model, inputs, expected, {name: kept}, more_inputs=f"../{STACK.name}")
    return stack[: max(n for _, n in CASES.values()), :, top:bottom, left:right]


def cut_tmo(model):
    """The first frame of the first case; networks of 384 pixels take seconds a frame."""
    (source,) = [f for f in folders(model) if OWN not in f.path.parents]
    inputs = {k: source.inputs[k][:1] for k in ("basic/frames", "basic/flow_rgb")}
    expected = {
        f"basic/{kind}/0": source.expected[f"basic/{kind}/0"]
        for kind in ("scoressub", "scores_aos_sub")
    }
    for kind in ("mask", "mask_aos", "aos_conf", "aos_uses_image"):
        expected[f"basic/{kind}"] = source.expected[f"basic/{kind}"][:1]
    write(source, model, inputs, expected, {"basic": {"frames": 1}})


def write(source, model, inputs, expected, cases, **more):
    folder = OWN / f"{model}_original"
    folder.mkdir(exist_ok=True)
    np.savez_compressed(folder / "inputs.npz", **inputs)
    np.savez_compressed(folder / "expected.npz", **expected)
    rows = ",\n".join(json.dumps(row, separators=(",", ":")) for row in source.rows)
    (folder / "keys.json").write_text(f"[{rows}]\n")
    told = ("model", "seed", "gain", "name_scales", "weights_sha256", "upstream", "produced_with")
    meta = {k: source.meta[k] for k in (*told, "noise_floor")}
    meta |= {k: source.meta[k] for k in ("prob_subsample", "default_config") if k in source.meta}
    meta |= {"split": "cut from the original's cases", **more, "cases": cases}
    (folder / "meta.json").write_text(json.dumps(meta, indent=1) + "\n")


if __name__ == "__main__":
    stacks = [cut_tracker(model) for model in CASES]
    assert all(np.array_equal(stacks[0], stack) for stack in stacks)
    np.savez_compressed(STACK, **{"stack/judo": stacks[0]})
    for variant in ("tmo_mitb1", "tmo_rn101"):
        cut_tmo(variant)

"""Cuts the first frames of SAM 3's golden cases: `python -m tests.data.golden.make_sam3`.

The numbers stay upstream's (`PVUW_GOLDEN`, tests/helpers/golden.py); only fewer are kept, so
that a checkout without those cases compares with upstream too.
"""

import json

import numpy as np

from tests.helpers.golden import OWN, folders

FOLDER = OWN / "sam3_tracker"
COUNTS = {"one_object": 4, "three_objects_overlap": 3}
KINDS = ("low_sub", "masks", "score", "iou3", "eff")


def main():
    (source,) = [f for f in folders("sam3_tracker") if f.path != FOLDER]
    meta = {k: v for k, v in source.meta.items() if k != "results_of_checks"}
    inputs, expected, cases = {}, {}, {}
    for name, count in COUNTS.items():
        case = dict(source.meta["cases"][name])
        case["num_frames"] = len(case["frame_index"])
        case["frame_index"] = case["frame_index"][:count]
        case["reads"] = {t: read for t, read in case["reads"].items() if int(t) < count}
        cases[name] = case
        stack = f"stack/{case['stack']}"
        inputs[stack] = source.inputs[stack][:count]
        prompts = [n for n in source.inputs.files if n.startswith(f"{name}/prompt/")]
        inputs.update({n: source.inputs[n] for n in prompts})
        expected.update({f"{name}/{k}": source.expected[f"{name}/{k}"][:count] for k in KINDS})
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / "meta.json").write_text(json.dumps(meta | {"cases": cases}, indent=1) + "\n")
    (FOLDER / "keys.json").write_text((source.path / "keys.json").read_text())
    np.savez_compressed(FOLDER / "inputs.npz", **inputs)
    np.savez_compressed(FOLDER / "expected.npz", **expected)


if __name__ == "__main__":
    main()

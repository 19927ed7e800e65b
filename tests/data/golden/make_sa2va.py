"""Freezes Sa2VA as a golden case of drawn video: `python -m tests.data.golden.make_sa2va`.

Run it only on code that agrees with the original's cases (tests/pvuw/nets/sa2va/test_golden.py).
The weights and the tokenizer are those of `sa2va_internlm2` there: InternLM2 as language model
behind a vision tower built as the 26B one's.
"""

import json
import shutil

import numpy as np
import torch

from pvuw.nets.sa2va import Sa2va
from pvuw.nets.sa2va.key_frames import CustomFrames
from pvuw.sample.scene import generate_clip
from tests.helpers.golden import OWN, SHARED
from tests.pvuw.nets.sa2va.golden import Frames, Sa2vaFolder
from tests.pvuw.nets.sa2va.run import masks_of, run
from tests.pvuw.nets.sa2va.steer import steer

FOLDER = OWN / "sa2va_drawn"
KEPT = ("seed", "fill", "overrides", "vision_config", "llm_config", "top_config", "sam2",
        "tokenizer", "generation", "fill_sha256")  # fmt: skip


def main() -> None:
    """Write the folder beside this file."""
    torch.set_num_threads(1)
    source = Sa2vaFolder(SHARED / "mevis" / "sa2va_internlm2")
    FOLDER.mkdir(exist_ok=True)
    shutil.copytree(source.path / "tokenizer", FOLDER / "tokenizer", dirs_exist_ok=True)
    keys = json.dumps([list(key) for key in source.keys], separators=(",", ":"))
    (FOLDER / "keys.json").write_text(keys + "\n")
    frames = generate_clip(5, num_frames=5, size_hw=(48, 64)).frames
    folder = Sa2vaFolder(FOLDER)
    variant = {"name": "late_keys", "expression": "the cow", "llm_frames": [1, 3],
               "prompt_frames": [1, 3], "reverse": True, "n_tracks": 1}  # fmt: skip
    source.write(directory := FOLDER / "directory")
    net = Sa2va(directory, key_frames=CustomFrames([1, 3]), max_new_tokens=16).eval()
    shutil.rmtree(directory)
    video = Frames(frames)
    keys_shown = [video.read_frame(t) for t in (1, 3)]
    ids, rows = steer(net, keys_shown, {variant["expression"]: "sure, [SEG]."})
    np.savez_compressed(
        FOLDER / "inputs.npz", frames=frames, override0_ids=np.array(ids), override0_rows=rows
    )
    found = run(net, video, variant["expression"])
    variant["n_seg"] = len(found.answer.seg_states)
    variant["prediction"] = net.reader.tokenizer.decode(found.answer.ids)
    meta = {name: source.meta[name] for name in KEPT} | {"variants": [variant]}
    (FOLDER / "meta.json").write_text(json.dumps(meta, separators=(",", ":")) + "\n")
    masks, quarter = masks_of(found, (48, 64))[0], found.quarter
    numbers = {
        "new_ids": np.array(found.answer.ids, np.int32),
        "seg_hidden": torch.stack(found.answer.seg_states).numpy(),
        "lang_prompt": found.words.numpy(),
        "track0/frames": np.array(sorted(masks), np.int32),
        "track0/low_res_frames": np.array(sorted(quarter), np.int32),
        "track0/low_res_logits": np.stack([quarter[t][0].numpy() for t in sorted(quarter)]),
        "track0/masks_packed": np.stack([np.packbits(masks[t].numpy()) for t in sorted(masks)]),
    }
    named = {f"late_keys/{name}": value for name, value in numbers.items()}
    np.savez_compressed(folder.path / "expected.npz", **named)


if __name__ == "__main__":
    main()

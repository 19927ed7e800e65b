"""A video of two squares in MeViS' layout, what was asked of it, and two answers."""

import json

import numpy as np

from pvuw.io.masks import write_id_map
from pvuw.io.rle import encode
from tests.pvuw.io.make import square, write_frame

SIZE, FRAMES = (48, 64), 6
SENTENCES = {
    "0": ("the square that moves right", [0]),
    "1": ("both <squares>", [0, 1]),
    "2": ("the round one", []),
}


def masks_at(frame):
    """Of both objects, `[2, H, W]`."""
    moving = square(1, 4, 4 + 4 * frame, 10, size_hw=SIZE)
    return np.stack([moving, square(1, 30, 40, 12, size_hw=SIZE)]) > 0


def truth_of(number, frame):
    return masks_at(frame)[SENTENCES[number][1]].any(axis=0).astype(np.uint8)


def write_told(root):
    """`valid_u`, and the runs `new`, which answers 1 with one square too few, and `old`."""
    split = root / "valid_u"
    expressions = {
        number: {"exp": text, "obj_id": ids, "anno_id": ids}
        for number, (text, ids) in SENTENCES.items()
    }
    names = [f"{frame:05d}" for frame in range(FRAMES)]
    tracks = {"0": [], "1": []}
    for frame, name in enumerate(names):
        write_frame(split / f"JPEGImages/v/{name}.jpg", frame, size_hw=SIZE)
        for track, mask in zip(tracks.values(), masks_at(frame), strict=True):
            rle = encode(mask)
            track.append({"size": rle["size"], "counts": rle["counts"].decode()})
        for number in SENTENCES:
            truth = truth_of(number, frame)
            fewer = masks_at(frame)[0].astype(np.uint8)
            new = fewer if number == "1" and frame > 2 else truth
            write_id_map(root / f"runs/new/Annotations/v/{number}/{name}.png", new)
            write_id_map(root / f"runs/old/Annotations/v/{number}/{name}.png", truth)
    meta = {"videos": {"v": {"expressions": expressions, "vid_id": 0, "frames": names}}}
    (split / "meta_expressions.json").write_text(json.dumps(meta))
    (split / "mask_dict.json").write_text(json.dumps(tracks))
    return root

"""The squares of `synthetic` in MeViS' layout: sentences about them, masks that overlap."""

import json
from pathlib import Path

import numpy as np
from PIL import Image
from pycocotools import mask as coco_mask

from tests.helpers import synthetic

SENTENCES = {
    "the blue square": (7,),
    "both red squares": (1, 3),
    "all three squares together": (1, 3, 7),
    "the green square": (),
    "the square that starts on the left": (1,),
}
"""Objects of each sentence, expression 0 first."""


def target(sentence, time):
    """What a sentence means in a frame, bool `[H, W]`; objects count where others hide them too."""
    masks = [synthetic.square(object_id, time) for object_id in SENTENCES[sentence]]
    return np.logical_or.reduce([np.zeros(synthetic.SIZE_HW, bool), *masks])


def rle(mask):
    """Runs as `mask_dict.json` has them; null where nothing is."""
    if not mask.any():
        return None
    found = coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))
    return {"size": list(mask.shape), "counts": found["counts"].decode()}


def write_split(root, split="train", *, videos=("va", "vb"), sentences=None, masks=True):
    """Write a split and return its folder; without masks as `valid` and `test` are published."""
    base = Path(root) / split
    listed, tracks = {}, {}
    for number, video_id in enumerate(videos):
        folder = base / "JPEGImages" / video_id
        folder.mkdir(parents=True)
        for time in range(synthetic.NUM_FRAMES):
            Image.fromarray(synthetic.frame(time)).save(folder / f"{time:05d}.jpg", quality=95)
        expressions = {}
        for e, text in enumerate(sentences or SENTENCES):
            annos = [10 * number + i for i in SENTENCES[text]]
            meant = {"obj_id": list(range(len(annos))), "anno_id": annos} if masks else {}
            expressions[str(e)] = {"exp": text, **meant}
        stems = [f"{t:05d}" for t in range(synthetic.NUM_FRAMES)]
        listed[video_id] = {"vid_id": number, "frames": stems, "expressions": expressions}
        for i in synthetic.OBJECT_IDS:
            shown = [rle(synthetic.square(i, t)) for t in range(synthetic.NUM_FRAMES)]
            tracks[str(10 * number + i)] = shown
    (base / "meta_expressions.json").write_text(json.dumps({"videos": listed}))
    if masks:
        (base / "mask_dict.json").write_text(json.dumps(tracks))
    return base

"""Small data sets in the layouts of the real ones, whose every mask is known."""

import json

import numpy as np
from PIL import Image
from pycocotools import mask as coco_mask

from pvuw.io.masks import write_id_map

SIZE = (24, 32)


def box(top, left, bottom, right, *, size_hw=SIZE):
    mask = np.zeros(size_hw, dtype=bool)
    mask[top:bottom, left:right] = True
    return mask


NOTHING = np.zeros(SIZE, dtype=bool)


def compressed(mask):
    """The spelling of OVIS, SA-V and YouTube-VIS 2021: size and a string."""
    rle = coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))
    return {"size": list(mask.shape), "counts": rle["counts"].decode()}


def bare(mask):
    """The spelling of BURST: the string alone."""
    return compressed(mask)["counts"]


def run_list(mask):
    """The spelling of YouTube-VIS 2019: size and run lengths."""
    pixels = np.concatenate([[False], mask.T.reshape(-1)])
    changes = np.flatnonzero(pixels[1:] != pixels[:-1])
    runs = np.diff(np.concatenate([[0], changes, [mask.size]]))
    return {"size": list(mask.shape), "counts": runs.tolist()}


def write_frames(folder, names, *, size_hw=SIZE):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        Image.new("RGB", size_hw[::-1], "gray").save(folder / name)


def write_ids(folder, id_maps):
    """Palette PNGs, given as `{file name: id map}`."""
    for name, ids in id_maps.items():
        write_id_map(folder / name, np.asarray(ids, dtype=np.uint8))


def ids_of(*placed, size_hw=SIZE):
    """An id map from `(value, mask)` pairs, later ones on top."""
    ids = np.zeros(size_hw, dtype=np.uint8)
    for value, mask in placed:
        ids[mask] = value
    return ids


def write_video(images, annotations, video_id, id_maps):
    """One video of a folder source; a frame whose id map is None has no mask."""
    write_frames(images / video_id, [f"{stem}.jpg" for stem in id_maps])
    write_ids(
        annotations / video_id,
        {f"{stem}.png": ids for stem, ids in id_maps.items() if ids is not None},
    )


def write_json(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def vis_video(number, folder, names, *, size_hw=SIZE):
    return {
        "id": number,
        "width": size_hw[1],
        "height": size_hw[0],
        "length": len(names),
        "file_names": [f"{folder}/{name}" for name in names],
    }


def vis_track(number, video, segmentations, **more):
    return {
        "id": number,
        "video_id": video,
        "category_id": 3,
        "iscrowd": 0,
        "length": 1,  # as in many real files: wrong
        "segmentations": segmentations,
        **more,
    }


def vis_content(videos, annotations):
    return {
        "info": {"description": "é"},
        "videos": videos,
        "annotations": annotations,
        "categories": [{"id": 3, "name": "Zébra"}, {"id": 4, "name": "Dog"}],
    }


def assert_masks(record, frame_idx, expected):
    """The masks of a frame are these and no others, in every way a record tells them."""
    found = record.read_masks(frame_idx)
    assert list(found) == sorted(expected)
    for object_id, mask in expected.items():
        assert np.array_equal(found[object_id], mask), object_id
    assert record.visible_ids(frame_idx) == tuple(sorted(expected))
    areas = {i: region.area for i, region in record.regions(frame_idx).items()}
    assert areas == {i: np.count_nonzero(mask) for i, mask in expected.items()}
    assert set(np.unique(record.read_id_map(frame_idx))) - {0} <= set(expected)

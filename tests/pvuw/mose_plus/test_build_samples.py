"""Builds of sample data in the official layouts, against pixels recomputed without our readers."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask

from pvuw import cli
from pvuw.mose_plus.build.manifest import read_manifest

SHARED = Path(__file__).parents[4] / "shared" / "data"
FORMATS = SHARED / "formats"
pytestmark = pytest.mark.skipif(not SHARED.exists(), reason="needs the shared sample data")

# The samples show the same few clips again and again: all are taken here, copies and all.
SETTINGS = f"""
sources:
  - {{source: mose, root: {FORMATS}/mose, reference: true}}
  - {{source: mose_v2, root: {SHARED}/moselike_composite}}
  - {{source: davis_2017, root: {SHARED}/mini_davis, split: val}}
  - {{source: youtube_vos, root: {FORMATS}/youtube_vos}}
  - {{source: lvos, root: {FORMATS}/lvos, split: val}}
  - {{source: ovis, root: {FORMATS}/ovis}}
  - {{source: youtube_vis_2019, root: {FORMATS}/ytvis_2019}}
  - {{source: youtube_vis_2021, root: {FORMATS}/ytvis_2021}}
  - {{source: burst, root: {FORMATS}/burst}}
  - {{source: sav, root: {FORMATS}/sav_val, split: val}}
  - {{source: mevis, root: {FORMATS}/mevis}}
evaluation: {{mose: none, davis: none}}
selection: {{max_distance: null, min_reference: 1, min_weight_share: 0}}
duplicates: {{min_share: 2}}
"""


def palette_masks(folder, void=None):
    """`{video: {frame stem: {id in the source: mask}}}` of palette PNGs."""
    found = {}
    for video in sorted(path for path in folder.iterdir() if path.is_dir()):
        for path in sorted(video.glob("*.png")):
            ids = np.array(Image.open(path))
            masks = {str(i): ids == i for i in np.unique(ids) if i not in (0, void)}
            found.setdefault(video.name, {})[path.stem] = masks
    return found


def vis_masks(path):
    content = json.loads(path.read_text())
    found = {}
    for video in content["videos"]:
        frames = {Path(name).stem: {} for name in video["file_names"]}
        found[video["file_names"][0].split("/")[0]] = frames
        size = [video["height"], video["width"]]
        for track in (t for t in content["annotations"] if t["video_id"] == video["id"]):
            for masks, runs in zip(frames.values(), track["segmentations"], strict=True):
                if runs:
                    masks[str(track["id"])] = decode(runs["counts"], size)
    return found


def burst_masks(path):
    found = {}
    for sequence in json.loads(path.read_text())["sequences"]:
        size = [sequence["height"], sequence["width"]]
        found[f"{sequence['dataset']}_-_{sequence['seq_name']}"] = {
            Path(name).stem: {i: decode(entry["rle"], size) for i, entry in entries.items()}
            for name, entries in zip(
                sequence["annotated_image_paths"], sequence["segmentations"], strict=True
            )
        }
    return found


def sav_masks(folder):
    found = {}
    for path in sorted(folder.glob("*/*/*.png")):
        frames = found.setdefault(path.parts[-3], {})
        frames.setdefault(path.stem, {})[path.parts[-2]] = np.array(Image.open(path)) != 0
    return found


def mevis_masks(folder):
    runs = json.loads((folder / "mask_dict.json").read_text())
    videos = json.loads((folder / "meta_expressions.json").read_text())["videos"]
    found = {}
    for video_id, video in videos.items():
        numbers = {n for sentence in video["expressions"].values() for n in sentence["anno_id"]}
        found[video_id] = {
            stem: {
                str(n): decode(runs[str(n)][t]["counts"], runs[str(n)][t]["size"])
                for n in numbers
                if runs[str(n)][t]
            }
            for t, stem in enumerate(video["frames"])
        }
    return found


def decode(counts, size):
    if isinstance(counts, list):
        flat = np.repeat(np.arange(len(counts)) % 2 == 1, counts)
        return flat.reshape(size, order="F")
    return coco_mask.decode({"size": size, "counts": counts.encode()}).astype(bool)


TRUTH = {
    "mose": lambda: palette_masks(FORMATS / "mose/train/Annotations"),
    "mose_v2": lambda: palette_masks(SHARED / "moselike_composite/Annotations"),
    "davis_2017": lambda: palette_masks(SHARED / "mini_davis/Annotations/480p", void=255),
    "youtube_vos": lambda: palette_masks(FORMATS / "youtube_vos/train/Annotations"),
    "lvos": lambda: palette_masks(FORMATS / "lvos/val/Annotations"),
    "ovis": lambda: vis_masks(FORMATS / "ovis/annotations_train.json"),
    "youtube_vis_2019": lambda: vis_masks(FORMATS / "ytvis_2019/train.json"),
    "youtube_vis_2021": lambda: vis_masks(FORMATS / "ytvis_2021/train/instances.json"),
    "burst": lambda: burst_masks(FORMATS / "burst/annotations/train/train.json"),
    "sav": lambda: sav_masks(FORMATS / "sav_val/Annotations_6fps"),
    "mevis": lambda: mevis_masks(FORMATS / "mevis/train"),
}


def pixels_on_top(masks, order):
    """Pixels of each object where the smaller lies on top; of equal ones the later in `order`."""
    left = np.zeros(next(iter(masks.values())).shape, dtype=bool) if masks else None
    counts = {}
    for name in sorted(masks, key=lambda i: (masks[i].sum(), -order.index(i))):
        counts[name] = int((masks[name] & ~left).sum())
        left = left | masks[name]
    return {name: count for name, count in counts.items() if count}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("samples")
    (folder / "settings.yaml").write_text(SETTINGS)
    arguments = ["--out", str(folder / "out"), "--cache", str(folder / "c"), "--workers", "1"]
    assert cli.main(["mose-plus", "--config", str(folder / "settings.yaml"), *arguments]) == 0
    return folder / "out"


def test_every_sample_layout_is_in_it(built):
    roots = {Path(entry.frame_dir).relative_to(SHARED).parts[:2] for entry in read_manifest(built)}
    samples = {("formats", path.name) for path in FORMATS.iterdir() if path.is_dir()}
    assert len(samples) == 9
    others = {("mini_davis", "JPEGImages"), ("moselike_composite", "JPEGImages")}
    assert roots == samples | others


def test_verify_accepts_it(built):
    assert cli.main(["mose-plus", "verify", str(built), "--workers", "1"]) == 0


@pytest.mark.parametrize("source", TRUTH)
def test_ids_sizes_frames_and_pixels_are_those_of_the_source(built, source):
    entries = [entry for entry in read_manifest(built) if entry.source == source]
    truth = TRUTH[source]()
    assert {entry.video_id for entry in entries} == set(truth)
    for entry in entries:
        video, frames = entry.built, truth[entry.video_id]
        names = [obj.source_id for obj in video.objects]
        assert [Path(name).stem for name in video.source_frames] == list(frames)
        for stem, file, masks in zip(
            video.frame_names, video.source_frames, frames.values(), strict=True
        ):
            original, frame = Path(entry.frame_dir) / file, video.frames_dir(built) / f"{stem}.jpg"
            assert frame.read_bytes() == original.read_bytes()
            id_map = np.array(Image.open(video.masks_dir(built) / f"{stem}.png"))
            with Image.open(original) as image:
                assert image.size == id_map.shape[::-1] == video.size_hw[::-1]
            values, counts = np.unique(id_map[id_map > 0], return_counts=True)
            found = {names[i - 1]: n for i, n in zip(values, counts, strict=True)}
            visible = {name: mask for name, mask in masks.items() if mask.any()}
            assert found == pixels_on_top(visible, names)
        assert set(names) == {name for masks in frames.values() for name in masks}

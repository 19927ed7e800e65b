"""Samples in the official layouts: ids, sizes and pixels are recomputed here without the readers.

What is expected is worked out from the files with Pillow, `json` and pycocotools alone.
"""

import json
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask

from pvuw.sources import SourceSpec, open_source

SHARED = Path(__file__).parents[4] / "shared" / "data"
FORMATS = SHARED / "formats"
pytestmark = pytest.mark.skipif(not SHARED.exists(), reason="needs the shared sample data")


def read(source, root, **options):
    return {r.video_id: r for r in open_source(SourceSpec(source, root, **options)).records()}


def areas_of_records(records):
    """`{video: {frame name: {id in the source: pixels}}}` as the records tell it."""
    found = {}
    for video_id, record in records.items():
        names = {info.object_id: info.source_id for info in record.objects}
        found[video_id] = {
            record.frame_names[t]: {
                names[i]: np.count_nonzero(mask) for i, mask in record.read_masks(t).items()
            }
            for t in record.annotated
        }
    return found


def areas_of_pngs(folder, *, void=None):
    found = {}
    for video in sorted(path for path in folder.iterdir() if path.is_dir()):
        found[video.name] = {}
        for path in sorted(video.glob("*.png")):
            values, counts = np.unique(np.array(Image.open(path)), return_counts=True)
            found[video.name][path.stem] = {
                str(value): count
                for value, count in zip(values.tolist(), counts.tolist(), strict=True)
                if value not in (0, void)
            }
    return found


def area_of(segmentation, height, width):
    if not segmentation:
        return 0
    if isinstance(segmentation.get("counts"), list):
        return sum(segmentation["counts"][1::2])
    return int(coco_mask.area({"size": [height, width], "counts": segmentation["counts"]}))


def check_consistency(records):
    """Map, masks, regions and visibility of a record must agree, frames must exist."""
    for record in records.values():
        assert record.object_ids == tuple(range(1, len(record.objects) + 1))
        assert all(path.exists() for path in record.frame_paths)
        with Image.open(record.frame_paths[0]) as image:
            assert record.size_hw == (image.height, image.width)
        for t in record.annotated:
            masks, regions = record.read_masks(t), record.regions(t)
            assert tuple(masks) == tuple(regions) == record.visible_ids(t)
            assert all(mask.shape == record.size_hw for mask in masks.values())
            assert {i: region.area for i, region in regions.items()} == {
                i: np.count_nonzero(mask) for i, mask in masks.items()
            }
            union = np.any(list(masks.values()), axis=0) if masks else False
            assert np.array_equal(record.read_id_map(t) > 0, np.broadcast_to(union, record.size_hw))


@pytest.mark.parametrize(
    ("source", "root", "split", "annotations"),
    [
        ("mose", FORMATS / "mose", "train", FORMATS / "mose/train/Annotations"),
        ("mose_v2", FORMATS / "mose", "valid", FORMATS / "mose/valid/Annotations"),
        ("mose", SHARED / "moselike_composite", "train", SHARED / "moselike_composite/Annotations"),
        (
            "youtube_vos",
            FORMATS / "youtube_vos",
            "train",
            FORMATS / "youtube_vos/train/Annotations",
        ),
        (
            "youtube_vos",
            FORMATS / "youtube_vos",
            "valid",
            FORMATS / "youtube_vos/valid/Annotations",
        ),
        ("lvos", FORMATS / "lvos", "val", FORMATS / "lvos/val/Annotations"),
        ("davis_2017", SHARED / "mini_davis", "val", SHARED / "mini_davis/Annotations/480p"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_palette_sources_have_the_pixels_of_their_pngs(source, root, split, annotations):
    records = read(source, root, split=split)
    assert areas_of_records(records) == areas_of_pngs(annotations)
    check_consistency(records)


@pytest.mark.parametrize(
    ("source", "root", "json_name"),
    [
        ("ovis", FORMATS / "ovis", "annotations_train.json"),
        ("youtube_vis_2019", FORMATS / "ytvis_2019", "train.json"),
        ("youtube_vis_2021", FORMATS / "ytvis_2021", "train/instances.json"),
    ],
)
def test_vis_sources_have_the_pixels_of_their_json(source, root, json_name):
    content = json.loads((root / json_name).read_text())
    expected = {}
    for video in content["videos"]:
        folder = video["file_names"][0].split("/")[0]
        frames = expected[folder] = {Path(name).stem: {} for name in video["file_names"]}
        for track in (a for a in content["annotations"] if a["video_id"] == video["id"]):
            for stem, mask in zip(frames, track["segmentations"], strict=True):
                area = area_of(mask, video["height"], video["width"])
                if area:
                    frames[stem][str(track["id"])] = area
    records = read(source, root)
    assert areas_of_records(records) == expected
    check_consistency(records)
    classes = {c["id"]: c["name"] for c in content["categories"]}
    by_id = {str(a["id"]): classes[a["category_id"]] for a in content["annotations"]}
    for record in records.values():
        assert all(info.category == by_id[info.source_id] for info in record.objects)


def test_ovis_has_the_labels_of_its_json():
    content = json.loads((FORMATS / "ovis" / "annotations_train.json").read_text())
    expected = defaultdict(dict)
    for track in content["annotations"]:
        for t, label in enumerate(track["occlusion"]):
            if label is not None:
                expected[str(track["id"])][t] = label.split("_")[0]
    levels = {0: "no", 1: "slight", 2: "severe"}
    found = defaultdict(dict)
    for record in read("ovis", FORMATS / "ovis").values():
        assert record.has_occlusion
        for t in record.annotated:
            for object_id, level in record.occlusions(t).items():
                found[record.objects[object_id - 1].source_id][t] = levels[level]
    assert found == expected


@pytest.mark.parametrize(("split", "name"), [("train", "train"), ("val", "all_classes")])
def test_burst_has_the_pixels_of_its_json(split, name):
    content = json.loads((FORMATS / f"burst/annotations/{split}/{name}.json").read_text())
    expected = {}
    for row in content["sequences"]:
        frames = expected[f"{row['dataset']}_-_{row['seq_name']}"] = {}
        entries = zip(row["annotated_image_paths"], row["segmentations"], strict=True)
        for file_name, tracks in entries:
            frames[Path(file_name).stem] = {
                track: area_of({"counts": entry["rle"]}, row["height"], row["width"])
                for track, entry in tracks.items()
            }
    records = read("burst", FORMATS / "burst", split=split)
    assert areas_of_records(records) == expected
    check_consistency(records)
    for row, record in zip(content["sequences"], records.values(), strict=True):
        assert list(record.frame_files) == row["all_image_paths"]
        assert record.has_quality == (split == "train")
        for t, tracks in zip(record.annotated, row["segmentations"], strict=True):
            rated = {
                record.objects[i - 1].source_id: (quality.is_gt, quality.score)
                for i, quality in record.qualities(t).items()
            }
            stated = {track: (e["is_gt"], e["score"]) for track, e in tracks.items()}
            assert rated == (stated if split == "train" else {})


def test_mevis_has_the_pixels_and_sentences_of_its_files():
    root = FORMATS / "mevis"
    masks = json.loads((root / "train/mask_dict.json").read_text())
    videos = json.loads((root / "train/meta_expressions.json").read_text())["videos"]
    expected = {}
    for video_id, video in videos.items():
        sentences = video["expressions"].values()
        names = sorted({number for sentence in sentences for number in sentence["anno_id"]})
        areas = {str(n): [int(coco_mask.area(m)) if m else 0 for m in masks[str(n)]] for n in names}
        expected[video_id] = {
            stem: {name: column[t] for name, column in areas.items() if column[t]}
            for t, stem in enumerate(video["frames"])
        }
    records = read("mevis", root)
    assert areas_of_records(records) == expected
    check_consistency(records)
    for video_id, video in videos.items():
        record = records[video_id]
        names = {info.object_id: int(info.source_id) for info in record.objects}
        found = [(e.text, [names[i] for i in e.object_ids]) for e in record.expressions]
        assert found == [(e["exp"], e["anno_id"]) for e in video["expressions"].values()]


def test_sav_has_the_pixels_of_its_folders():
    root = FORMATS / "sav_val"
    expected = defaultdict(dict)
    for path in (root / "Annotations_6fps" / "sav_900001").glob("*/*.png"):
        area = np.count_nonzero(np.array(Image.open(path)))
        expected[path.stem].update({path.parent.name: area} if area else {})
    records = read("sav", root, split="val")
    assert areas_of_records(records) == {"sav_900001": expected}
    check_consistency(records)


def test_real_masklets_of_sav_give_their_published_visibility(tmp_path):
    """Frames are stand-ins; the masks and the counts they must give are those of SA-V."""
    source = SHARED / "masks_only" / "sav_000001_manual.json"
    content = json.loads(source.read_text())
    folder = tmp_path / "JPEGImages_24fps" / "sav_000001"
    folder.mkdir(parents=True)
    Image.new("RGB", (480, 848)).save(folder / "00000.jpg")
    for number in range(4, 4 * 121, 4):
        (folder / f"{number:05d}.jpg").hardlink_to(folder / "00000.jpg")
    (tmp_path / "sav_000").mkdir()
    (tmp_path / "sav_000" / source.name).write_bytes(source.read_bytes())
    (record,) = read("sav", tmp_path).values()
    assert len(record.annotated) == 121
    changes = []
    for info in record.objects:
        visible = [info.visible_in(t) for t in record.annotated]
        first = visible.index(True)
        changes.append(
            sum(a != b for a, b in zip(visible[first:], visible[first + 1 :], strict=False))
        )
    assert changes == content["masklet_visibility_changes"]
    assert [info.source_id for info in record.objects] == ["0", "1", "2", "3", "4"]
    for t in record.annotated[::10]:
        areas = {i - 1: np.count_nonzero(mask) for i, mask in record.read_masks(t).items()}
        row = content["masklet"][t]
        assert areas == {i: int(coco_mask.area(m)) for i, m in enumerate(row) if coco_mask.area(m)}


def test_real_void_and_grayscale_masks_of_davis(tmp_path):
    (tmp_path / "ImageSets" / "2017").mkdir(parents=True)
    (tmp_path / "ImageSets" / "2017" / "train.txt").write_text("tennis\n")
    for name in ("JPEGImages", "Annotations"):
        (tmp_path / name).symlink_to(SHARED / "davis17_void" / name)
    records = read("davis_2017", tmp_path)
    expected = areas_of_pngs(SHARED / "davis17_void" / "Annotations" / "480p", void=255)
    assert areas_of_records(records) == expected
    check_consistency(records)
    stored = np.array(Image.open(SHARED / "davis17_void/Annotations/480p/tennis/00001.png"))
    assert np.array_equal(records["tennis"].read_void(1), stored == 255)
    assert (stored == 255).any()


def test_real_grayscale_masks_of_davis_2016(tmp_path):
    source = SHARED / "mini_davis" / "Annotations_davis2016_original_L" / "horsejump-high"
    frames = tmp_path / "JPEGImages" / "480p" / "horsejump-high"
    frames.mkdir(parents=True)
    for path in source.glob("*.png"):
        image = SHARED / "mini_davis/JPEGImages/480p/horsejump-high" / f"{path.stem}.jpg"
        (frames / image.name).symlink_to(image)
    (tmp_path / "Annotations" / "480p").mkdir(parents=True)
    (tmp_path / "Annotations" / "480p" / "horsejump-high").symlink_to(source)
    (tmp_path / "ImageSets" / "2016").mkdir(parents=True)
    (tmp_path / "ImageSets" / "2016" / "val.txt").write_text("horsejump-high\n")
    records = read("davis_2016", tmp_path, split="val")
    expected = {
        path.stem: {"1": np.count_nonzero(np.array(Image.open(path)) == 255)}
        for path in source.glob("*.png")
    }
    assert areas_of_records(records) == {"horsejump-high": expected}
    check_consistency(records)


def test_a_real_size_mismatch_is_resized_and_said_so(tmp_path):
    for name in ("JPEGImages", "Annotations"):
        (tmp_path / name).symlink_to(SHARED / "incremental_judo" / name)
    (record,) = read("mose", tmp_path, split="valid").values()
    assert record.prompts_only
    assert [record.frame_names[t] for t in record.annotated] == ["00000", "00005", "00008", "00013"]
    with pytest.warns(UserWarning, match="masks are 853x480, the image 854x480"):
        masks = record.read_masks(record.annotated[1])
    assert {i: mask.shape for i, mask in masks.items()} == {2: (480, 854)}

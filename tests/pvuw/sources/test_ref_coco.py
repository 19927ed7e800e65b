import json

import numpy as np
import pytest
import torch

from datamodules import ClipConfig, MeViSDataModule, TrainSource
from pvuw.errors import DataError
from pvuw.sources import SourceSpec, open_source
from pvuw.sources.index import load_records
from tests.pvuw.sources.layouts import SIZE, assert_masks, box, compressed, run_list, write_frames

LEFT, RIGHT = box(2, 2, 10, 10), box(4, 12, 20, 30)
SPLIT = "refcoco/instances_refcoco_train"


def entry(number, text, *, name="COCO_1.jpg", size=SIZE):
    size = {"height": size[0], "width": size[1]}
    return {"id": number, "file_name": name, "caption": text, **size}


def annotation(number, image_id, segmentation):
    return {"id": number, "image_id": image_id, "segmentation": segmentation, "iscrowd": 0}


def write(root, images, annotations):
    write_frames(root / "train2014", ["COCO_1.jpg", "COCO_2.jpg"])
    path = root / f"{SPLIT}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": []}))
    return SourceSpec("ref_coco", root, split=SPLIT)


@pytest.fixture
def spec(tmp_path):
    polygon = [[12.0, 4.0, 30.0, 4.0, 30.0, 20.0, 12.0, 20.0]]
    return write(
        tmp_path / "coco",
        [entry(7, "left one"), entry(8, "Both of them"), entry(9, "a cat", name="COCO_2.jpg")],
        [
            annotation(1, 7, compressed(LEFT)),
            annotation(2, 8, polygon),
            annotation(3, 8, run_list(LEFT)),
        ],
    )


def test_sentences_about_one_picture_are_one_record_of_one_frame(spec):
    one, two = open_source(spec).records()
    assert (one.video_id, one.frame_files, one.num_frames) == ("COCO_1", ("COCO_1.jpg",), 1)
    assert [(e.text, e.object_ids) for e in one.expressions] == [
        ("left one", (1,)),
        ("Both of them", (2, 3)),
    ]
    masks = one.read_masks(0)
    assert np.array_equal(masks[1], LEFT)
    assert np.array_equal(masks[3], LEFT)
    assert (masks[2] & RIGHT).sum() / (masks[2] | RIGHT).sum() > 0.85  # a polygon's own edge
    assert [(e.text, e.object_ids) for e in two.expressions] == [("a cat", ())]
    assert_masks(two, 0, {})


def test_a_clip_repeats_the_picture(spec, tmp_path):
    assert load_records(spec, cache_dir=tmp_path / "c") == load_records(
        spec, cache_dir=tmp_path / "c"
    )
    clip = ClipConfig(num_frames=3, max_objects=2, size=min(SIZE), fit="keep")
    source = TrainSource("ref_coco", spec.root, split=SPLIT)
    data = MeViSDataModule(sources=[source], clip=clip, num_workers=0, index=tmp_path / "index")
    sample = data.train_clips()[0]
    assert sample.frame_idx.tolist() == [0, 0, 0]
    assert torch.equal(sample.frames[0], sample.frames[2])
    left = sample.sentences.index("left one")
    assert np.array_equal(sample.masks[1, left].numpy(), LEFT)


@pytest.mark.parametrize(
    ("images", "annotations", "line"),
    [
        ([entry(1, " ")], [], "image 1: the sentence is empty"),
        ([entry(1, "a", name="gone.jpg")], [], "gone.jpg: no such frame"),
        ([entry(1, "a")], [annotation(5, 2, [])], None),
        ([entry(1, "a")], [annotation(5, 2, [[1, 1, 5, 1, 5, 5]])], "annotations of image 2"),
        ([entry(1, "a")], [annotation(5, 1, 7)], "annotation 5: 'segmentation' must be"),
        ([entry(1, "a"), entry(2, "b", size=(9, 9))], [], "several pictures or sizes"),
        ([{"id": 1, "file_name": "COCO_1.jpg"}], [], "'caption' must be str"),
    ],
)
def test_what_is_wrong_is_one_line(tmp_path, images, annotations, line):
    spec = write(tmp_path, images, annotations)
    if line is None:
        assert next(iter(open_source(spec).records())).objects == ()
        return
    with pytest.raises(DataError, match=line) as error:
        list(open_source(spec).records())
    assert len(str(error.value).splitlines()) == 1

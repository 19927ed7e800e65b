import shutil
from argparse import ArgumentError
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from jsonargparse import ArgumentParser

from datamodules import ClipConfig, MOSEDataModule, VideoFolder
from pvuw.errors import DataError
from pvuw.types import VideoBatch
from tests.datamodules.make import moving, write_mose, write_video

CLIP = ClipConfig(num_frames=2, size=16)


def folder(split, **options):
    return VideoFolder(split / "JPEGImages", annotations=split / "Annotations", **options)


def ids(loader):
    return sorted(query.query_id for queries in loader for query in queries)


@pytest.fixture
def root(tmp_path):
    return write_mose(tmp_path / "data", num_train=3)


def test_root_in_mose_layout(make_data):
    data = make_data()
    for stage in ("fit", "predict"):
        data.setup(stage)
    batches = list(data.train_dataloader())
    assert len(batches) == 3
    assert all(isinstance(batch, VideoBatch) for batch in batches)
    assert batches[0].frames.shape == (2, 2, 3, 16, 16)
    assert ids(data.val_dataloader()) == ids(data.predict_dataloader()) == ["v0", "v1"]
    ((query,), *_) = data.val_dataloader().videos
    assert list(query.prompt) == [0]
    assert len(query.truth.positions()) == len(query.video)


def test_validate_and_test_need_no_training_videos(root):
    shutil.rmtree(root / "train")
    data = MOSEDataModule(root, clip=CLIP)
    for stage in ("validate", "test", "predict"):
        data.setup(stage)
    assert ids(data.val_dataloader()) == ids(data.test_dataloader()) == ["v0", "v1"]


def test_missing_ground_truth_says_what_to_do_only_where_it_is_needed(root, make_trainer, recorder):
    shutil.rmtree(root / "valid" / "GroundTruth")
    data = MOSEDataModule(root, clip=CLIP, num_workers=0)
    data.setup("predict")
    for stage in ("fit", "validate"):
        with pytest.raises(DataError, match=r"GroundTruth: no such folder.*hold out") as error:
            data.setup(stage)
        assert len(str(error.value).splitlines()) == 1
    make_trainer(limit_val_batches=0, max_epochs=1).fit(recorder, data)
    assert len(recorder.clips) == 3


def test_held_out_training_videos(root):
    train = root / "train"
    (root / "held_out.txt").write_text("t1\n")
    data = MOSEDataModule(
        root,
        train=folder(train, exclude=root / "held_out.txt"),
        val=folder(train, truth=train / "Annotations", videos=root / "held_out.txt"),
        clip=CLIP,
        num_workers=0,
    )
    data.setup("fit")
    assert {batch.video_ids[0] for batch in data.train_dataloader()} == {"t0", "t2"}
    assert ids(data.val_dataloader()) == ["t1"]


def test_several_folders(root, tmp_path):
    write_video(tmp_path / "more", "m0", moving(5))
    data = MOSEDataModule(
        root,
        train=[folder(root / "train"), folder(tmp_path / "more")],
        predict=[folder(tmp_path / "more"), folder(root / "valid")],
        clip=CLIP,
        num_workers=0,
    )
    data.setup("fit")
    data.setup("predict")
    assert len(data.train_dataloader()) == 4
    assert ids(data.predict_dataloader()) == ["m0", "v0", "v1"]


def test_one_name_in_two_predicted_folders_is_refused(root):
    twice = MOSEDataModule(predict=[folder(root / "valid"), folder(root / "valid")])
    with pytest.raises(DataError, match="video v0: found in 2 of the given folders"):
        twice.setup("predict")


@pytest.mark.parametrize("stage", ["fit", "validate", "predict"])
def test_nothing_given(stage):
    with pytest.raises(DataError, match=r"data\.root: not given"):
        MOSEDataModule().setup(stage)


def test_folders_without_masks(root):
    images = root / "train" / "JPEGImages"
    for name, stage in (("train", "fit"), ("predict", "predict"), ("val", "validate")):
        data = MOSEDataModule(root, **{name: VideoFolder(images)})
        with pytest.raises(DataError, match=rf"data\.{name}: .* without annotations"):
            data.setup(stage)
    data = MOSEDataModule(root, val=folder(root / "train"))
    with pytest.raises(DataError, match=r"data\.val: .* without truth"):
        data.setup("validate")


def test_missing_root_is_named(tmp_path):
    with pytest.raises(DataError, match=r"gone/train/JPEGImages: no such folder"):
        MOSEDataModule(tmp_path / "gone").setup("fit")


def test_validation_lists_broken_videos_but_prediction_goes_on(root):
    write_video(root / "valid", "bare", moving(3), masked=set())
    (root / "valid/Annotations/v0/00099.png").write_bytes(b"")
    data = MOSEDataModule(root, clip=CLIP)
    with pytest.raises(DataError) as error:
        data.setup("validate")
    lines = str(error.value).splitlines()
    assert "bare: no annotation mask" in lines[0]
    assert "00099.png: mask of a frame that does not exist" in lines[1]
    data.setup("predict")
    videos = {query.query_id: query for (query,) in data.predict_dataloader()}
    videos["v1"].check()
    for video_id in ("bare", "v0"):
        with pytest.raises(DataError):
            videos[video_id].check()


def test_validation_video_without_truth_is_listed(root):
    shutil.rmtree(root / "valid" / "GroundTruth" / "v1")
    with pytest.raises(DataError, match="v1: no truth mask"):
        MOSEDataModule(root).setup("validate")


def test_too_few_clips_for_one_step(root):
    data = MOSEDataModule(root, clip=CLIP, batch_size=4)
    with pytest.raises(DataError, match="an epoch has 3 clips, one step needs 4"):
        data.setup("fit")


@pytest.mark.parametrize(
    "option", [{"batch_size": 0}, {"num_workers": -1}, {"seed": -1}], ids=lambda o: next(iter(o))
)
def test_settings_out_of_range(option):
    with pytest.raises(ValueError, match=rf"data\.{next(iter(option))} must be at least"):
        MOSEDataModule(**option)


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed", "bf16-true"])
def test_videos_pass_through_lightning_untouched(make_data, make_trainer, recorder, precision):
    trainer = make_trainer(precision=precision)
    trainer.validate(recorder, make_data(), verbose=False)
    assert recorder.videos == ["v1", "v0"], "the longer video first"
    trainer.predict(recorder, make_data(), return_predictions=False)
    assert recorder.videos == ["v1", "v0"] * 2


def test_workers_are_forked_without_opencv_threads(make_data):
    threads = cv2.getNumThreads()
    try:
        cv2.setNumThreads(2)
        cv2.resize(np.zeros((1000, 1000, 3), np.uint8), (1500, 1500))  # starts the threads
        data = make_data(num_workers=2)
        data.setup("fit")
        assert len(list(data.train_dataloader())) == 3
        assert cv2.getNumThreads() == 1
    finally:
        cv2.setNumThreads(threads)


CONFIG = """
root: data
clip: {num_frames: 4, stride: [1, 3], size: 128, fit: crop}
train: {images: a, annotations: b, exclude: held_out.txt}
val:
- {images: a, annotations: b, truth: b, videos: [x, y], void_id: 255}
- {images: c, annotations: d, truth: e, videos: list.txt}
"""


def parse(text):
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(MOSEDataModule, "data")
    parsed = parser.parse_object({"data": yaml.safe_load(text)})
    return parser, parsed


def test_yaml_gives_typed_settings_and_survives_being_saved():
    parser, parsed = parse(CONFIG)
    saved = yaml.safe_load(parser.dump(parsed))["data"]
    _, again = parse(yaml.safe_dump(saved))
    assert again == parsed
    assert saved["val"][0]["videos"] == ["x", "y"]
    assert saved["val"][1]["videos"] == "list.txt"
    data = parser.instantiate(parsed).data
    assert data.clip == ClipConfig(num_frames=4, stride=(1, 3), size=128, fit="crop")
    assert data.train == VideoFolder(Path("a"), annotations=Path("b"), exclude=Path("held_out.txt"))
    assert data.val[0].videos == ["x", "y"]
    assert data.val[0].void_id == 255
    assert data.val[1].videos == Path("list.txt")


def test_unknown_key_is_refused():
    with pytest.raises(ArgumentError, match="sizes"):
        parse("clip: {sizes: 3}")

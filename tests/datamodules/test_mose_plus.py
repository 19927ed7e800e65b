"""MOSE+ through the data module: a real build, and sources read in place."""

import json
import shutil
from collections import Counter
from pathlib import Path

import pytest
import yaml
from jsonargparse import ArgumentParser
from lightning.pytorch.callbacks import ModelCheckpoint

from datamodules import ClipConfig, MOSEPlusDataModule, TrainSource
from datamodules.datasets.geometry import resize_ids
from pvuw.errors import DataError
from pvuw.sources import index as source_index
from tests.datamodules.conftest import Recorder
from tests.datamodules.make import masks_of, moving, write_ovis, write_video
from tests.datamodules.test_resume import EVERY_STEP, batches_done, checkpoints, save_all
from tests.pvuw.mose_plus.build_make import build, settings, write_sources

SHARED = Path(__file__).parents[3] / "shared" / "data"
CLIP = ClipConfig(num_frames=2, size=24)
WIDE, TALL = (24, 40), (40, 24)


@pytest.fixture(scope="session")
def mose_plus(tmp_path_factory):
    """A build of three MOSE and two LVOS videos of 6 frames."""
    folder = tmp_path_factory.mktemp("mose_plus")
    build(settings(write_sources(folder)), folder / "MOSE+")
    return folder / "MOSE+"


@pytest.fixture(scope="session")
def places(tmp_path_factory):
    """Six MOSE videos, four of OVIS of two shapes; both of 7 frames."""
    root = tmp_path_factory.mktemp("places")
    for i in range(6):
        write_video(root / "mose" / "train", f"m{i}", moving(7))
    shapes = {f"o{i}": WIDE if i % 2 else TALL for i in range(4)}
    write_ovis(
        root / "ovis",
        {name: masks_of(moving(7, ids=(1, 2), size_hw=shape)) for name, shape in shapes.items()},
    )
    return root


def sources(root, **options):
    weights = options.pop("weights", {})
    return [
        TrainSource(name, root / name, weight=weights.get(name), **options.get(name, {}))
        for name in ("mose", "ovis")
    ]


def in_place(root, tmp_path, *, clip=CLIP, num_workers=0, batch_size=1, seed=0, **options):
    return MOSEPlusDataModule(
        sources=sources(root, **options),
        index=tmp_path / "index",
        clip=clip,
        num_workers=num_workers,
        batch_size=batch_size,
        seed=seed,
    )


def clips_of(data, epoch=0):
    """`(video, positions, objects)` of an epoch's clips."""
    loader = data.train_dataloader()
    loader.sampler.set_epoch(epoch)
    return [
        (batch.video_ids[b], tuple(batch.frame_idx[b].tolist()), tuple(batch.object_ids[b]))
        for batch in loader
        for b in range(len(batch.video_ids))
    ]


def test_a_build_is_trained_on_by_source(mose_plus):
    data = MOSEPlusDataModule(mose_plus, clip=CLIP, num_workers=0)
    pools = {pool.name: (pool.num_videos, pool.weight) for pool, _ in data.train_pools()}
    assert pools == {"mose": (3, None), "lvos": (2, None)}
    data._set_up_training()
    names = Counter(video for video, _, _ in clips_of(data))
    assert names == dict.fromkeys(("0a", "0b", "0c", "lvos_0a_long", "lvos_Zz"), 1)


def test_weights_of_a_build(mose_plus):
    clip = ClipConfig(num_frames=2, size=24, clips_per_epoch=12)
    data = MOSEPlusDataModule(mose_plus, weights={"mose": 1, "lvos": 3}, clip=clip, num_workers=0)
    data._set_up_training()
    for epoch in range(3):
        names = Counter(video.startswith("lvos") for video, _, _ in clips_of(data, epoch))
        assert names == {True: 9, False: 3}


@pytest.mark.parametrize(
    "weights", [{"mose": 1}, {"mose": 1, "lvos": 0}, {"mose": 1, "lvos": 1, "ovis": 1}]
)
def test_weights_that_do_not_fit_the_build(mose_plus, weights):
    data = MOSEPlusDataModule(mose_plus, weights=weights, clip=CLIP)
    with pytest.raises(DataError, match=r"data\.weights: must be above 0 .*lvos.*name all"):
        data.train_pools()


def test_fast_sources_of_a_build_take_longer_steps(mose_plus, tmp_path):
    manifest = tmp_path / "manifest.jsonl"
    lines = (mose_plus / "manifest.jsonl").read_text().splitlines()
    entries = [json.loads(line) for line in lines]
    for entry in entries:
        entry["fps"] = 24.0 if entry["source"] == "lvos" else entry["fps"]
    shutil.copytree(mose_plus / "train", tmp_path / "train")
    manifest.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    pools = [pool for pool, _ in MOSEPlusDataModule(tmp_path, clip=CLIP).train_pools()]
    assert {pool.name: pool.stride_factor for pool in pools} == {"mose": 1, "lvos": 4}


def test_build_and_manifest_must_fit(mose_plus, tmp_path):
    shutil.copytree(mose_plus / "train", tmp_path / "train")
    data = MOSEPlusDataModule(tmp_path, clip=CLIP)
    with pytest.raises(DataError, match=r"manifest\.jsonl: no such file; .* MOSEDataModule"):
        data.train_pools()
    (tmp_path / "manifest.jsonl").write_text('{"built": 3}\n')
    with pytest.raises(DataError, match="not the manifest of a build"):
        data.train_pools()
    (tmp_path / "manifest.jsonl").write_text("")
    with pytest.raises(DataError, match="does not name video 0a"):
        data.train_pools()
    with pytest.raises(DataError, match=r"data\.root: not given; name a folder that"):
        MOSEPlusDataModule(clip=CLIP).train_pools()


def test_a_frame_that_is_gone_is_named_when_it_is_read(mose_plus, tmp_path):
    build = shutil.copytree(mose_plus, tmp_path / "MOSE+")
    data = MOSEPlusDataModule(build, clip=CLIP, num_workers=0)
    data._set_up_training()
    for path in build.glob("train/JPEGImages/lvos_Zz/*.jpg"):
        path.unlink()
    with pytest.raises(DataError, match=r"lvos_Zz/0000\d\.jpg: no such file"):
        clips_of(data)


def test_sources_in_place_are_mixed_by_weight(places, tmp_path):
    clip = ClipConfig(num_frames=2, size=24, clips_per_epoch=20)
    data = in_place(places, tmp_path, clip=clip, weights={"mose": 1.0, "ovis": 4.0})
    data._set_up_training()
    for epoch in range(2):
        videos = [video for video, _, _ in clips_of(data, epoch)]
        assert Counter(v.split("/")[0] for v in videos) == {"mose": 4, "ovis": 16}
        assert set(Counter(v for v in videos if v[0] == "o").values()) == {4}
    assert len(list((tmp_path / "index").glob("*.json"))) == 2


def test_the_next_start_reads_the_index(places, tmp_path, monkeypatch):
    clips = []
    for _ in range(2):
        data = in_place(places, tmp_path)
        data._set_up_training()
        clips.append(clips_of(data))
        monkeypatch.setattr(source_index, "_read_chunk", pytest.fail)  # nothing is listed again
    assert clips[0] == clips[1]


def test_number_of_workers_changes_nothing(places, tmp_path):
    found = []
    for num_workers in (0, 1, 2):
        data = in_place(places, tmp_path, num_workers=num_workers, batch_size=2)
        data._set_up_training()
        found.append(clips_of(data, 1))
    assert found[0] == found[1] == found[2]
    assert len(found[0]) == 10


def test_seed_and_epoch_change_clips(places, tmp_path):
    found = []
    for seed, epoch in ((0, 0), (0, 1), (1, 0)):
        data = in_place(places, tmp_path, seed=seed)
        data._set_up_training()
        found.append(clips_of(data, epoch))
    assert found[0] != found[1]
    assert found[0] != found[2]


@pytest.mark.parametrize("sizes", [(), (16, 24, 32)])
def test_batches_have_one_shape(places, tmp_path, sizes):
    clip = ClipConfig(
        num_frames=2, size=24, sizes=sizes, fit="keep", size_multiple=8, clips_per_epoch=40
    )
    data = in_place(places, tmp_path, clip=clip, batch_size=2)
    data._set_up_training()
    shapes = Counter(tuple(batch.frames.shape[-2:]) for batch in data.train_dataloader())
    assert sum(shapes.values()) == 20
    assert {min(shape) for shape in shapes} == set(sizes or (24,))
    assert {h > w for h, w in shapes} == {True, False}


def test_what_is_too_short_is_left_out_and_said(places, tmp_path):
    root = tmp_path / "mose"
    write_video(root / "train", "long", moving(5))
    for i in range(2):
        write_video(root / "train", f"short{i}", moving(2))
    data = MOSEPlusDataModule(
        sources=[TrainSource("mose", root)],
        index=tmp_path / "index",
        clip=ClipConfig(num_frames=4, size=24),
    )
    with pytest.warns(UserWarning, match="mose train: 2 of 3 videos are left out"):
        ((pool, videos),) = data.train_pools()
    assert (pool.num_videos, [video.video_id for video in videos]) == (1, ["mose/long"])
    data.clip.num_frames = 9
    with pytest.raises(DataError, match="mose train: none of 3 videos has 9 frames"):
        data.train_pools()


def test_stride_factor_of_a_source_can_be_set(places, tmp_path):
    data = in_place(places, tmp_path, ovis={"stride_factor": 3})
    factors = {pool.name: pool.stride_factor for pool, _ in data.train_pools()}
    assert factors == {"mose train": 1, "ovis train": 3}
    data._set_up_training()
    steps = {"mose": set(), "ovis": set()}
    for video, (first, second), _ in clips_of(data):
        steps[video.split("/")[0]].add(second - first)
    assert steps == {"mose": {1}, "ovis": {3}}


def test_excluded_videos_are_not_trained_on(places, tmp_path):
    data = in_place(places, tmp_path, ovis={"exclude": ["o1", "o2"]})
    data._set_up_training()
    assert {v for v, _, _ in clips_of(data) if v[0] == "o"} == {"ovis/o0", "ovis/o3"}


def test_weights_for_some_sources_only(places, tmp_path):
    data = in_place(places, tmp_path, weights={"ovis": 2.0})
    with pytest.raises(DataError, match=r"data\.sources: mose without a weight"):
        data.train_pools()


def test_settings_that_do_not_go_together(tmp_path):
    with pytest.raises(ValueError, match=r"data\.weights belongs to data\.root"):
        MOSEPlusDataModule(sources=[TrainSource("ovis", tmp_path)], weights={"ovis": 1})
    data = MOSEPlusDataModule(sources=[TrainSource("nowhere", tmp_path)], index=tmp_path)
    with pytest.raises(DataError, match="no source is called 'nowhere'"):
        data.train_pools()


@pytest.mark.parametrize("fit", ["stretch", "keep"])
def test_continuing_anywhere_gives_the_uninterrupted_sequence(places, tmp_path, make_trainer, fit):
    clip = ClipConfig(
        num_frames=2, size=24, clips_per_epoch=8, fit=fit, sizes=(16, 24), reverse_prob=0.3
    )

    def run(ckpt_path=None, **options):
        module = Recorder()
        data = in_place(places, tmp_path, clip=clip, batch_size=2, weights={"mose": 1, "ovis": 2})
        trainer = make_trainer(limit_val_batches=0, max_epochs=2, **options)
        trainer.fit(module, data, ckpt_path=ckpt_path)
        return module.clips

    saved = tmp_path / "saved"
    clips = run(callbacks=[save_all(saved, **EVERY_STEP)], enable_checkpointing=True)
    assert len(clips) == 8
    for path in checkpoints(saved):
        assert run(path) == clips[batches_done(path) :], path.name


def test_other_weights_inside_an_epoch_are_refused(places, tmp_path, make_trainer):
    clip = ClipConfig(num_frames=2, size=24, clips_per_epoch=8)

    def run(weights, **options):
        data = in_place(places, tmp_path, clip=clip, weights=weights)
        ckpt_path = options.pop("ckpt_path", None)
        make_trainer(limit_val_batches=0, max_steps=3, **options).fit(
            Recorder(), data, ckpt_path=ckpt_path
        )

    saved = ModelCheckpoint(dirpath=tmp_path / "saved", every_n_train_steps=2, save_top_k=-1)
    run({"mose": 1, "ovis": 1}, callbacks=[saved], enable_checkpointing=True)
    (path,) = checkpoints_of(tmp_path / "saved")
    with pytest.raises(DataError, match=r"clips_per_source was \[4, 4\], is \[2, 6\]"):
        run({"mose": 1, "ovis": 3}, ckpt_path=path)


def checkpoints_of(folder):
    return list(folder.glob("*.ckpt"))


CONFIG = """
sources:
- {source: mose, root: a, weight: 2.0}
- {source: davis_2017, root: b, variant: 480p, exclude: [x, y], weight: 1, stride_factor: 2}
index: somewhere
clip: {num_frames: 4, sizes: [32, 64], size: 64}
"""


def test_yaml_gives_typed_settings_and_survives_being_saved():
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(MOSEPlusDataModule, "data")
    parsed = parser.parse_object({"data": yaml.safe_load(CONFIG)})
    saved = yaml.safe_load(parser.dump(parsed))["data"]
    assert parser.parse_object({"data": saved}) == parsed
    data = parser.instantiate(parsed).data
    assert [s.source for s in data.sources] == ["mose", "davis_2017"]
    assert data.sources[1].exclude == ["x", "y"]
    assert data.sources[1].stride_factor == 2
    assert data.clip.sizes == (32, 64)


LAYOUTS = {
    "mose": ("formats/mose", "train"),
    "davis_2017": ("mini_davis", "val"),
    "ovis": ("formats/ovis", "train"),
    "youtube_vis_2019": ("formats/ytvis_2019", "train"),
    "youtube_vis_2021": ("formats/ytvis_2021", "train"),
    "burst": ("formats/burst", "train"),
    "lvos": ("formats/lvos", "val"),
    "youtube_vos": ("formats/youtube_vos", "train"),
    "sav": ("formats/sav_val", "val"),
    "mevis": ("formats/mevis", "train"),
}


@pytest.mark.skipif(not SHARED.exists(), reason="needs the shared sample data")
@pytest.mark.parametrize("source", LAYOUTS)
def test_clips_of_every_layout_show_what_the_record_says(source, tmp_path):
    folder, split = LAYOUTS[source]
    clip = ClipConfig(num_frames=2, size=96, fit="keep", max_objects=2, reverse_prob=0.5)
    data = MOSEPlusDataModule(
        sources=[TrainSource(source, SHARED / folder, split)],
        index=tmp_path,
        clip=clip,
        num_workers=0,
    )
    data._set_up_training()
    videos = {video.video_id: video for video in data.train_videos()}
    batches = list(data.train_dataloader())
    assert {batch.video_ids[0] for batch in batches} == set(videos)
    for batch in batches:
        video = videos[batch.video_ids[0]]
        assert batch.masks[0, 0].flatten(1).any(1).all()
        for step, position in enumerate(batch.frame_idx[0].tolist()):
            ids = video.annotations.id_map(position, video.size_hw)
            for slot, object_id in enumerate(batch.object_ids[0]):
                expected = resize_ids((ids == object_id).view("uint8"), batch.masks.shape[-2:])
                assert (batch.masks[0, step, slot].numpy() == expected).all()

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from pycocotools import mask as coco_mask

from datamodules import ClipConfig, MeViSDataModule, TrainSource
from datamodules.augment import ClipAugment
from datamodules.augmentations.colour import ColourConfig, Jitter
from datamodules.augmentations.geometry import GeometryConfig
from datamodules.clip_sampling import ClipKey
from datamodules.sentence_sampling import AnchorSampling
from pvuw.cli import main
from pvuw.errors import DataError
from pvuw.io.videos import Video
from tests.helpers import mevis, synthetic

CLIP = ClipConfig(num_frames=5, max_objects=5, size=48, fit="keep")
TEXTS = list(mevis.SENTENCES)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mevis")
    for split in ("train", "valid_u"):
        mevis.write_split(folder, split)
    mevis.write_split(folder, "valid", masks=False)
    return folder


def module(root, tmp_path, clip=CLIP, **more):
    return MeViSDataModule(root, clip=clip, num_workers=0, index=tmp_path / "index", **more)


def assert_truth(sample):
    """Every slot shows what its sentence means; a mirrored clip by the mirrored sentence."""
    for slot, text in enumerate(sample.sentences):
        flipped = text not in mevis.SENTENCES
        meant = text.replace("right", "left") if flipped else text
        for t, time in enumerate(sample.frame_idx.tolist()):
            truth = mevis.target(meant, time)
            truth = truth[:, ::-1] if flipped else truth
            assert np.array_equal(sample.masks[t, slot].numpy(), truth), (text, time)


def test_slots_are_what_sentences_mean_overlapping_and_empty(root, tmp_path):
    clips = module(root, tmp_path).train_clips()
    assert len(clips) == 2
    overlaps = empty = 0
    for number in range(6):
        sample = clips[ClipKey(number, number % 2)]
        assert sorted(sample.sentences) == sorted(TEXTS)
        assert sample.frames.shape == (5, 3, *synthetic.SIZE_HW)
        assert_truth(sample)
        overlaps += (sample.masks.sum(dim=1) > 1).any().item()
        empty += not sample.masks[:, sample.sentences.index("the green square")].any()
    assert (overlaps, empty) == (6, 6)
    again = module(root, tmp_path).train_clips()[ClipKey(3, 1)]
    assert torch.equal(again.frames, clips[ClipKey(3, 1)].frames)


def test_five_sentences_decode_each_frame_once(root, tmp_path, monkeypatch):
    decoded = []
    original = Video.read_frame

    def read(self, position):
        decoded.append((self.video_id, position))
        return original(self, position)

    monkeypatch.setattr(Video, "read_frame", read)
    sample = module(root, tmp_path).train_clips()[0]
    assert len(sample.sentences) == 5
    assert sorted(decoded) == sorted({(sample.video_id, t) for t in sample.frame_idx.tolist()})
    decoded.clear()
    longer = module(root, tmp_path, replace(CLIP, num_frames=20)).train_clips()[0]
    assert len(longer.frame_idx) == 20
    assert len(decoded) == synthetic.NUM_FRAMES  # though some come three times in the clip


def test_a_mirrored_clip_has_a_sentence_that_is_true_of_it(root, tmp_path):
    clip = replace(CLIP, flip_prob=1.0, max_objects=1)
    clips = module(root, tmp_path, clip, sampling=AnchorSampling()).train_clips()
    assert len(clips) == 2 * 5
    sample = clips[4]
    assert sample.sentences == ["the square that starts on the right"]
    assert_truth(sample)
    asked = {**mevis.SENTENCES, "the square that left last": (7,)}
    shown = [replace(r, expressions=r.expressions[:1]) for r in clips.records]
    clips.records = [
        replace(r, expressions=(replace(r.expressions[0], text=list(asked)[-1]),)) for r in shown
    ]
    kept = clips[0]
    assert kept.sentences == ["the square that left last"]
    for t, time in enumerate(kept.frame_idx.tolist()):
        assert np.array_equal(kept.masks[t, 0].numpy(), mevis.target(TEXTS[0], time))


def test_only_sentences_without_motion_run_backwards_unless_asked_for(root, tmp_path):
    clip = replace(CLIP, reverse_prob=1.0)
    still = module(root, tmp_path, clip, sampling=AnchorSampling()).train_clips()
    asked = module(
        root, tmp_path, clip, sampling=AnchorSampling(), reverse_motion=True
    ).train_clips()
    orders = {}
    for number, text in enumerate(TEXTS):
        samples = still[number], asked[number]
        assert samples[0].sentences == [text]
        orders[text] = [s.frame_idx.tolist() == sorted(s.frame_idx.tolist()) for s in samples]
        assert_truth(samples[1])
    assert orders.pop("the square that starts on the left") == [True, False]
    assert set(map(tuple, orders.values())) == {(False, False)}


def test_augmentation_on_the_device_turns_words_too(root, tmp_path):
    still = ColourConfig(
        clip=Jitter(share=0), clip_grayscale=0, frame=Jitter(share=0), frame_grayscale=0
    )
    flip = ClipAugment(GeometryConfig(flip=1.0, affine=0.0), still)
    data = module(root, tmp_path, augment=flip, batch_size=2)
    data.setup("fit")
    batch = next(iter(data.train_dataloader()))
    turned = data.on_after_batch_transfer(batch, 0)
    assert torch.equal(turned.masks, batch.masks.flip(-1))
    for before, after in zip(batch.sentences, turned.sentences, strict=True):
        assert [text.replace("left", "right") for text in before] == after
    batch.sentences[1][0] = "the man who left"
    turned = data.on_after_batch_transfer(batch, 0)
    assert torch.equal(turned.masks[0], batch.masks[0].flip(-1))
    assert torch.equal(turned.masks[1], batch.masks[1])
    assert turned.sentences[1] == batch.sentences[1]


def test_sources_share_an_epoch_by_weight(root, tmp_path):
    more = TrainSource("mevis", root, split="valid_u", weight=3.0)
    sources = [TrainSource("mevis", root, weight=1.0), more]
    clip = replace(CLIP, clips_per_epoch=8)
    clips = module(None, tmp_path, clip, sources=sources).train_clips()
    assert clips.order().quotas == [2, 6]
    assert [pool.name for pool in clips.pools] == ["mevis train", "mevis valid_u"]
    sources[0].weight = None
    with pytest.raises(DataError, match="a weight for all or for none"):
        module(None, tmp_path, clip, sources=sources).train_clips()


def test_queries_are_sentences_with_their_truth(root, tmp_path):
    data = module(root, tmp_path)
    data.setup("fit")
    (va, vb) = data.val_dataloader()
    assert [q.query_id for q in (*va, *vb)] == [f"{v}/{e}" for v in ("va", "vb") for e in range(5)]
    for query in va:
        for time in (0, 4, 7):
            ids = query.truth.id_map(time, synthetic.SIZE_HW)
            assert np.array_equal(ids == 1, mevis.target(query.prompt, time))
    data.setup("predict")
    asked = [q for video in data.predict_dataloader() for q in video]
    assert [(q.query_id, q.prompt) for q in asked] == [
        (f"{v}/{e}", text) for v in ("va", "vb") for e, text in enumerate(TEXTS)
    ]
    assert all(query.truth is None for query in asked)


@pytest.mark.parametrize(
    ("clip", "line"),
    [
        ({"fit": "crop"}, "crop would cut away what a sentence speaks of"),
        ({"stride": 2}, "leave them out"),
        ({"look_alike_prob": 0.5}, "leave them out"),
    ],
)
def test_settings_that_falsify_sentences_are_refused(root, tmp_path, clip, line):
    with pytest.raises(ValueError, match=line):
        module(root, tmp_path, replace(CLIP, **clip)).train_clips()


def test_what_is_not_there_is_one_line(root, tmp_path):
    with pytest.raises(DataError, match=r"data\.root: not given"):
        module(None, tmp_path).setup("fit")
    with pytest.raises(DataError, match="public for `train` alone"):
        module(root, tmp_path, layout="ref_youtube_vos").val_queries()
    with pytest.raises(DataError, match="no such folder"):
        module(root, tmp_path, predict="test").predict_queries()
    broken = tmp_path / "broken"
    shutil.copytree(root, broken)
    shutil.rmtree(broken / "valid" / "JPEGImages" / "va")
    queries = module(broken, tmp_path).predict_queries()
    with pytest.raises(DataError, match="no such video in") as error:
        queries[0].check()
    assert len(str(error.value).splitlines()) == 1
    queries[5].check()


def test_generated_sentences_mean_what_their_masks_show(tmp_path):
    out = tmp_path / "told"
    words = ["sample", out, "--expressions", "--videos", 2, "--valid", 1, "--frames", 8]
    assert main([str(w) for w in (*words, "--size", 64, 96, "--workers", 1)]) == 0
    truth = {}
    for split in ("train", "valid_u"):
        meta = json.loads((out / split / "meta_expressions.json").read_text())["videos"]
        tracks = json.loads((out / split / "mask_dict.json").read_text())
        for video_id, video in meta.items():
            for e, said in video["expressions"].items():
                for t in range(len(video["frames"])):
                    shown = [tracks[str(i)][t] for i in said["anno_id"] if tracks[str(i)][t]]
                    parts = [coco_mask.decode(runs).astype(bool) for runs in shown]
                    union = np.logical_or.reduce([np.zeros((64, 96), bool), *parts])
                    truth[video_id, said["exp"], t] = union
                    truth[f"{video_id}/{e}", t] = union
    data = module(out, tmp_path, replace(CLIP, size=64, num_frames=8, max_objects=99))
    clips = data.train_clips()
    compared = set()
    for number in range(2):
        sample = clips[number]
        for slot, text in enumerate(sample.sentences):
            for t, time in enumerate(sample.frame_idx.tolist()):
                expected = truth[sample.video_id, text, time]
                assert np.array_equal(sample.masks[t, slot].numpy(), expected)
                compared.add((sample.video_id, text))
    assert len(compared) == sum(len(record.expressions) for record in clips.records) > 10
    for query in data.val_queries():
        for t in range(8):
            ids = query.truth.id_map(t, (64, 96))
            assert np.array_equal(ids == 1, truth[query.query_id, t])

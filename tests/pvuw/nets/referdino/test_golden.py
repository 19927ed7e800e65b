"""ReferDINO against upstream: every stored tensor, and mutations that must not pass for it.

Noise floor: a sum of a few thousand float32 terms in another order moves by 1e-5 of its size
(`SUMMATION`); the deepest of these networks adds ten of them one after the other. What is chosen by
rank (cells, queries, tracks) must be the same: the stored margins are wider than that.
"""

import dataclasses

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from pvuw.nets.referdino import decoder, positions, tracker
from pvuw.nets.referdino.decoder import gathered
from pvuw.nets.referdino.grounder import Choice, ReferDinoGrounder
from pvuw.nets.referdino.network import Tracks
from pvuw.nets.referdino.text import Tokenizer
from pvuw.nets.referdino.tracker import QueryTracker
from pvuw.nets.referdino.video import look_through, resized
from pvuw.ops.images import normalize_images
from tests.helpers.noise import FACTOR, SUMMATION
from tests.pvuw.nets.referdino.golden import FOLDER, Frames, expected, meta, needs_golden, network

pytestmark = [needs_golden, pytest.mark.golden]
CLIPS = ("clip3", "clip38")


@pytest.fixture(scope="module")
def model():
    return network()


@pytest.fixture(scope="module")
def tokenizer():
    return Tokenizer(FOLDER / "tokenizer")


@pytest.fixture(scope="module", params=CLIPS)
def clip(request):
    return clip_of(request.param)


def clip_of(name):
    return next(one for one in meta()["clips"] if one["name"] == name)


def run(model, tokenizer, clip):
    """Every tensor that is stored of a case, by its name."""
    words = tokenizer(clip["expression"])
    video = Frames(clip)
    short = clip["resize_short"]
    kept, stride = clip["frames_stored"], clip["swin_stride"]
    with torch.inference_mode():
        frames = torch.stack([resized(frame, short) for frame in video.frames])
        sentence, images = model.read(words), model.see(frames)
        found = model.detect(images, sentence)
        last, order = found.layers[-1], QueryTracker()
        index = torch.stack(
            [order.sort(*frame) for frame in zip(last.features, found.words, strict=True)]
        )
        sorted_queries = gathered(last.features, index)
        tracks = Tracks(
            model.temporal_decoder(sorted_queries, found.words[:, 0]), gathered(last.boxes, index)
        )
        pixels = normalize_images(frames[:1])
        logits = model.scores(tracks.queries, found.words)
        masks = model.masks(tracks, found.words, found.narrow)
        wide = model.pixel_decoder.widen(found.narrow)
        every = clip["pixel_stride"]
        result = {
            "input_ids": torch.tensor(words.ids),
            "text_attention_mask": words.together,
            "text_position_ids": torch.tensor(words.places),
            "bert_hidden": model.text(words)[0],
            "text_projected": sentence.features[0],
            "text_enhanced": found.words[kept][..., ::2],
            "encoder_memory": found.cells[:1, :: clip["memory_stride"], ::8],
            "pixel_values": pixels[..., ::every, ::every],
            "proposal_index": found.proposals.index,
            "decoder_hidden": last.features[kept],
            "decoder_reference": last.boxes,
            "hungarian": index[1:],
            "tracked_hidden": sorted_queries[kept],
            "temporal_hidden": tracks.queries[kept],
            "mask_features": wide[:1, ::16, :: stride[0], :: stride[0]],
            "pred_logits": logits,
            "pred_boxes": model.boxes(tracks),
            "mask_logits": masks[kept],
            "scores": logits.sigmoid().mean(0),
        }
        for level, stage in enumerate(model.backbone(frames[:1])):
            result[f"swin{level}"] = stage[:, ::4, :: stride[level], :: stride[level]]
        for level, layer in enumerate(found.layers):
            result[f"kept_queries_layer{level}"] = layer.index
    return result


def differences(found, clip):
    """How far each tensor is from upstream's, as a part of upstream's largest value; 0 or 1 for
    whole numbers."""
    far = {}
    for name, tensor in found.items():
        wanted = torch.from_numpy(expected()[f"{clip['name']}/{name}"])
        if not wanted.is_floating_point():
            far[name] = float(not torch.equal(tensor.to(wanted.dtype), wanted))
            continue
        if name == "mask_logits":
            every = tensor.shape[-1] // wanted.shape[-1]
            tensor = tensor[..., ::every, ::every]
        assert tensor.shape == wanted.shape, name
        far[name] = ((tensor - wanted).abs().max() / wanted.abs().max()).item()
    return far


def test_every_tensor_is_upstreams(model, tokenizer, clip):
    far = differences(run(model, tokenizer, clip), clip)
    stored = {name.split("/", 1)[1] for name in expected() if name.startswith(clip["name"] + "/")}
    assert far.keys() == {name for name in stored if "/" not in name}, "nothing is left out"
    assert {name: value for name, value in far.items() if value > FACTOR * SUMMATION} == {}


def test_masks_of_a_video_are_upstreams(model, tokenizer):
    """Through the spool, frame by frame, in clips of another length, at the frames' own size."""
    clip = clip_of("clip38")
    video = Frames(clip)
    short = clip["resize_short"]
    scaled = dataclasses.replace(model.config, short_side=short)
    model.config = scaled
    (sighting,) = look_through(model, video, [tokenizer(clip["expression"])], clip_frames=7)
    size_hw = tuple(video.frames.shape[-2:])
    every = [sighting.mask_logits(t) for t in range(len(video))]
    for post in clip["post"]:
        kept = Choice(post["obj_threshold"], top1=post["top1"]).kept(sighting.scores)
        prefix = f"{clip['name']}/{post['name']}"
        assert kept == expected()[f"{prefix}/kept"].tolist()
        packed = np.unpackbits(expected()[f"{prefix}/masks_packed"], axis=1)
        wanted = torch.from_numpy(packed).bool()[:, : size_hw[0] * size_hw[1]]
        full = [F.interpolate(logits[None, kept], size_hw, mode="bilinear")[0] for logits in every]
        union = torch.stack([(logits > 0).any(0).flatten() for logits in full])
        assert (union != wanted).sum() <= PIXELS * wanted.numel()
    boxes = torch.from_numpy(expected()[f"{clip['name']}/pred_boxes"])
    assert (sighting.boxes() - boxes).abs().max() < FACTOR * SUMMATION


PIXELS = 2e-5
"""Share of pixels whose logit is within rounding of 0."""


def test_prompts_are_made_of_what_is_meant(model, tokenizer):
    clip = clip_of("clip38")
    model.config = dataclasses.replace(model.config, short_side=clip["resize_short"])
    looks = ReferDinoGrounder(model, tokenizer, Choice(0.43), clip_frames=36)
    asked = [clip["expression"], "  A  Girl. Running TO the left ", clip["expression"] + "."]
    video = Frames(clip)
    video.frames = video.frames[:5]
    found = looks.look(video, asked)
    assert [list(prompts) for prompts in found] == [list(range(5))] * 3
    one, same, ended = (prompts[3].tokens for prompts in found)
    assert one.shape[0] == 1
    assert one.shape[1] % (16 * 24) == 0
    assert torch.equal(one, same)
    assert torch.equal(one, ended)
    assert found[0].object_ids == found[0][4].object_ids == [1]
    with pytest.raises(KeyError):
        found[0][5]


MUTATIONS = {  # the module that reads a constant, the constant, another value, where it shows
    "how fast tracks forget": (tracker, "ALPHA", 0.9, "hungarian"),
    "the temperature of boxes": (positions, "BOX_TEMPERATURE", 20.0, "decoder_hidden"),
    "the temperature of images": (positions, "IMAGE_TEMPERATURE", 1e4, "encoder_memory"),
}


@pytest.mark.parametrize("what", MUTATIONS)
def test_a_mutation_shows(what, model, tokenizer, monkeypatch):
    module, name, value, where = MUTATIONS[what]
    monkeypatch.setattr(module, name, value)
    clip = clip_of("clip38")
    far = differences(run(model, tokenizer, clip), clip)
    assert far[where] > 100 * SUMMATION


def test_pruning_by_words_alone_shows(model, tokenizer, monkeypatch):
    better_half = decoder._better_half
    monkeypatch.setattr(
        decoder, "_better_half", lambda scores, attention: better_half(scores, 0 * attention)
    )
    clip = clip_of("clip38")
    assert differences(run(model, tokenizer, clip), clip)["kept_queries_layer0"] == 1

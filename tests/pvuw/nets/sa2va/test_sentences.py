"""Sentences through the nano network: shared work, first frames, and what has no answer."""

import json
from itertools import zip_longest

import numpy as np
import pytest
import torch
from PIL import Image

import pvuw.nets.sa2va.tracks as tracks_module
from pvuw.cli import main
from pvuw.errors import DataError, PvuwError
from pvuw.inference.propagate import InferenceConfig, propagate_all
from pvuw.io.masks import read_id_map
from pvuw.io.queries import Query
from pvuw.nets.sa2va import Sa2va
from pvuw.nets.sa2va.key_frames import CustomFrames, FirstFrames, UniformFrames
from pvuw.nets.sa2va.language import WordEncoder
from pvuw.sample.scene import generate_clip
from pvuw.types import TokenPrompt
from tests.helpers.noise import BORDER, FACTOR, noise_floor
from tests.pvuw.nets.sa2va.golden import Frames, write_directory
from tests.pvuw.nets.sa2va.steer import steer
from tests.pvuw.nets.sa2va.test_directory import TOKENIZER
from tests.pvuw.nets.test_contract import stored_bytes

SENTENCES = ("the red cow", "who is leftmost?", "it is not there", "the car that stops")
ANSWERS = ("Sure, [SEG].", "[SEG] and [SEG].", "no such object", "Sure, [SEG].")
LENGTH, SIZE = 6, (48, 64)


@pytest.fixture(scope="module")
def video():
    return Frames(generate_clip(4, num_frames=LENGTH, size_hw=SIZE).frames)


@pytest.fixture(scope="module")
def net(video):
    """Answers what it is told to, whatever it sees in frames 0 and 5."""
    torch.manual_seed(0)
    net = Sa2va(key_frames=UniformFrames(2), max_new_tokens=12).eval()
    frames = [video.read_frame(t) for t in (0, LENGTH - 1)]
    steer(net, frames, dict(zip(SENTENCES, ANSWERS, strict=True)))
    return net


@pytest.fixture(autouse=True)
def as_it_was(net):
    """A test may change what is a plain attribute."""
    before = dict(vars(net))
    yield
    for name in vars(net).keys() - before.keys():
        delattr(net, name)
    vars(net).update(before)


def queries(video, *sentences):
    return [Query(f"v/{i}", video, sentence) for i, sentence in enumerate(sentences)]


def in_turns(net, asked, *, ahead=0):
    """Predictions of each query, frame by frame in turns; the first may run ahead."""
    streams = propagate_all(net, asked, InferenceConfig())
    first = [next(streams[0]) for _ in range(ahead)]
    rounds = list(zip_longest(*streams))
    found = [[f for f in frames if f is not None] for frames in zip(*rounds, strict=True)]
    found[0] = first + found[0]
    return found


def logits(predictions):
    return torch.stack([p.output.mask_logits for p in predictions])


def test_all_sentences_at_once_are_each_alone(net, video, monkeypatch):
    encoded = []
    encode = WordEncoder._maps
    monkeypatch.setattr(
        WordEncoder, "_maps", lambda self, image: encoded.append(1) or encode(self, image)
    )
    together = in_turns(net, queries(video, *SENTENCES))
    assert len(encoded) == LENGTH, "each frame once for all sentences"
    first = queries(video, SENTENCES[0])

    def alone(net):
        return [logits(in_turns(net, first)[0])]

    tolerance = FACTOR * noise_floor(net, alone, draws=1)
    for sentence, found in zip(SENTENCES, together, strict=True):
        (single,) = in_turns(net, queries(video, sentence))
        assert [p.output.object_ids for p in found] == [p.output.object_ids for p in single]
        if found[0].output.object_ids:
            assert (logits(found) - logits(single)).abs().max() <= tolerance
        else:
            assert sentence == "it is not there"
            assert not any(p.id_map.any() for p in found)


def test_one_may_run_ahead_break_off_or_begin_when_others_are_done(net, video, monkeypatch):
    asked = queries(video, SENTENCES[0], SENTENCES[1], SENTENCES[3])
    expected = [logits(found) for found in in_turns(net, asked)]
    for found, same in zip(in_turns(net, asked, ahead=3), expected, strict=True):
        assert torch.equal(logits(found), same)
    streams = propagate_all(net, asked, InferenceConfig())
    next(streams[1])
    streams[1].close()
    rest = [list(streams[0]), list(streams[2])]
    assert torch.equal(logits(rest[0]), expected[0])
    assert torch.equal(logits(rest[1]), expected[2])
    monkeypatch.setattr(tracks_module, "_WAIT", 2)
    streams = propagate_all(net, asked, InferenceConfig())
    assert torch.equal(logits(list(streams[0])), expected[0])
    late = logits(list(streams[2]))  # its first frames are gone: it runs alone
    assert (late - expected[2]).abs().max() < 1e-2 * expected[2].std()


def test_several_seg_are_objects_or_the_first_one(net, video):
    asked = queries(video, SENTENCES[1])
    (first,) = in_turns(net, asked)
    net.segments = "all"
    (both,) = in_turns(net, asked)
    assert {tuple(p.output.object_ids) for p in first} == {(1,)}
    assert {tuple(p.output.object_ids) for p in both} == {(1, 2)}
    difference = logits(both)[:, 0] - logits(first)[:, 0]
    assert difference.abs().max() < 1e-2 * logits(first).std()


def test_frames_before_the_first_key_frame_are_found_or_left_empty(net, video):
    net.key_frames = CustomFrames([3])
    net.answers = lambda *_: [answer]
    answer = Sa2va.answers(net, "v", [video.read_frame(0), video.read_frame(5)], SENTENCES[:1])[0]
    (found,) = in_turns(net, queries(video, SENTENCES[0]))
    assert [p.output.object_ids for p in found] == [[1]] * LENGTH
    net.look_back = False
    (forward,) = in_turns(net, queries(video, SENTENCES[0]))
    assert [p.output.object_ids for p in forward] == [[]] * 3 + [[1]] * 3
    assert not any(p.id_map.any() for p in forward[:3])
    for one, other in zip(found[3:], forward[3:], strict=True):
        assert torch.equal(one.output.mask_logits, other.output.mask_logits)


def test_one_frame_is_a_video(net, video):
    short = Frames(video.frames[:1])
    net.key_frames = FirstFrames(5)
    net.answers = lambda *_: [answer]
    answer = Sa2va.answers(net, "v", [video.read_frame(0), video.read_frame(5)], SENTENCES[:1])[0]
    (found,) = in_turns(net, queries(short, SENTENCES[0]))
    assert [p.output.object_ids for p in found] == [[1]]


def test_memory_does_not_grow_with_the_video(net, video):
    frames = np.concatenate([video.frames] * 5)
    (stream,) = propagate_all(net, queries(Frames(frames), SENTENCES[0]), InferenceConfig())
    sizes = []
    for t in range(26):
        next(stream)
        if t in (20, 25):
            sizes.append(stored_bytes(stream.gi_frame.f_locals["stream"], net))
    assert sizes[0] > 0
    assert sizes[1] <= sizes[0]


def test_what_cannot_be_asked_is_one_line(net, video):
    long = " ".join(["the leftmost cow"] * 2000)
    line = r"golden: 'the leftmost cow the leftmost cow the\.\.\.' and the key frames take"
    with pytest.raises(DataError, match=line):
        net.hear(video.video_id, [video.read_frame(0)], [long])
    with pytest.raises(PvuwError, match=r"leave scales at \[1\.0\]"):
        net.start(3, scale=1.5)
    with pytest.raises(ValueError, match="tokens of its own grounder only"):
        net.start(3).step(video.read_frame(0), TokenPrompt([1], torch.zeros(1, 64)))


def test_predict_from_a_recipe(net, video, tmp_path):
    """A directory of its own, frames and sentences as MeViS has them, one folder for each."""
    folder = tmp_path / "directory"
    config = json.loads((TOKENIZER / "config.json").read_text())
    weights = {name: w.clone().contiguous() for name, w in net.official_state_dict().items()}
    write_directory(folder, config=config, weights=weights, tokenizer=TOKENIZER, sam2=None)
    frames = tmp_path / "JPEGImages" / "golden"
    frames.mkdir(parents=True)
    for t, frame in enumerate(video.frames):
        Image.fromarray(frame).save(frames / f"{t:05}.png")
    expressions = {str(e): {"exp": sentence} for e, sentence in enumerate(SENTENCES)}
    listed = {"golden": {"frames": [f"{t:05}" for t in range(LENGTH)], "expressions": expressions}}
    (tmp_path / "meta.json").write_text(json.dumps({"videos": listed}))
    argv = [
        "predict", "--config", "mevis/sa2va_4b.yaml", "--model.net.weights", folder,
        "--model.net.dtype", "float32", "--model.net.key_frames", "UniformFrames",
        "--model.net.key_frames.count", 2, "--model.net.max_new_tokens", 12,
        "--data.images", tmp_path / "JPEGImages", "--data.text", tmp_path / "meta.json",
        "--out", tmp_path / "out", "--trainer.accelerator", "cpu", "--trainer.precision", "32",
    ]  # fmt: skip
    assert main([str(word) for word in argv]) == 0
    expected = in_turns(net, queries(video, *SENTENCES))
    for e, found in enumerate(expected):
        for t, prediction in enumerate(found):
            path = tmp_path / "out" / "Annotations" / "golden" / str(e) / f"{t:05}.png"
            different = read_id_map(path) != prediction.id_map.numpy()
            assert different.mean() < BORDER

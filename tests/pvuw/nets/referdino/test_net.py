"""ReferDino as recipes build it: words, choice, sessions, what waits where, input that is odd."""

import gc
import math

import pytest
import torch

from pvuw.errors import PvuwError
from pvuw.nets.referdino import Choice, ReferDino
from pvuw.nets.referdino.config import SIZES
from pvuw.nets.referdino.keys import to_release
from pvuw.nets.referdino.positions import logit, map_code, sine_code
from pvuw.nets.referdino.spool import FrameSpool
from pvuw.nets.referdino.text import MAX_WORDS, Tokenizer
from pvuw.nets.referdino.tracker import QueryTracker
from pvuw.nets.referdino.video import look_through, picture_size, resized
from pvuw.types import MaskPrompt
from tests.helpers.noise import tolerance_of
from tests.pvuw.nets.referdino.tiny import Clip, tiny, vocabulary


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("words")


@pytest.fixture(scope="module")
def net(folder):
    return tiny(folder)


def test_phrases_see_themselves_and_the_mark_that_ends_them(folder):
    words = Tokenizer(vocabulary(folder))("the red square. moving left")
    # [CLS] the red square . moving left . [SEP]
    assert words.places == [0, 0, 1, 2, 3, 0, 1, 2, 0]
    phrase = [0, 1, 1, 1, 1, 2, 2, 2, 3]
    seen = [[one == other for other in phrase] for one in phrase]
    assert words.together.tolist() == seen
    assert words.ids == Tokenizer(vocabulary(folder))("the red square. moving left.").ids


def test_a_sentence_of_300_words_is_cut_as_upstream_cuts(folder, net):
    words = net.grounder.words("red " * 300)
    assert len(words.ids) == len(words.places) == MAX_WORDS
    assert words.together.shape == (MAX_WORDS, MAX_WORDS)
    assert words.places[-1] == MAX_WORDS - 2
    (sighting,) = look_through(net.model, Clip(1), [words], clip_frames=4)
    assert torch.isfinite(sighting.mask_logits(0)).all()


def test_a_vocabulary_that_does_not_do_is_refused(folder, tmp_path):
    with pytest.raises(PvuwError, match=r"no such file; give the vocab\.txt"):
        Tokenizer(tmp_path)
    (tmp_path / "vocab.txt").write_text("the\n[CLS]\n")
    with pytest.raises(PvuwError, match=r"has no \[PAD\] \[UNK\] \[SEP\] \. \?"):
        Tokenizer(tmp_path)
    many = (vocabulary(folder)).read_text() + "".join(f"word{i}\n" for i in range(600))
    (tmp_path / "vocab.txt").write_text(many)
    with pytest.raises(PvuwError, match=r"has 644 words, the network knows 512"):
        ReferDino("nano", vocabulary=tmp_path)
    with pytest.raises(PvuwError, match=r"model\.net\.vocabulary: sentences need the words"):
        ReferDino("nano").eval().grounder.look(Clip(1), ["a red square"])


def test_the_release_keeps_fifteen_of_900():
    assert SIZES["swint"].kept_queries == SIZES["swinb"].kept_queries == 15
    assert SIZES["nano"].kept_queries == 4


def test_codes_are_what_they_are_said_to_be():
    angle = 2 * math.pi * 0.3
    code = sine_code(torch.tensor(0.3), 4)
    wanted = [math.sin(angle), math.cos(angle), math.sin(angle / 100), math.cos(angle / 100)]
    torch.testing.assert_close(code, torch.tensor(wanted))
    cells = map_code(2, 3, 8, torch.device("cpu")).view(2, 3, 8)
    assert (cells[:, :, :4] == cells[:, :1, :4]).all(), "the first half tells the row"
    assert (cells[:, :, 4:] == cells[:1, :, 4:]).all(), "the second the column"
    ends = logit(torch.tensor([0.0, 0.5, 1.0]))
    torch.testing.assert_close(ends, torch.tensor([math.log(1e-3), 0, -math.log(1e-3)]))


def test_tracks_are_sorted_as_in_the_first_frame():
    torch.manual_seed(0)
    first, words = torch.randn(5, 16), torch.randn(3, 16)
    order = QueryTracker()
    assert order.sort(first, words).tolist() == [0, 1, 2, 3, 4]
    shuffled = torch.tensor([3, 0, 4, 1, 2])
    back = order.sort(first[shuffled] + 0.01 * torch.randn(5, 16), words)
    assert shuffled[back].tolist() == [0, 1, 2, 3, 4]
    alike = QueryTracker()
    alike.sort(torch.ones(1, 16), words)
    assert alike.sort(torch.ones(1, 16), words).tolist() == [0], (
        "one query alone is no division by 0"
    )
    assert torch.isfinite(alike._memory).all()


def test_a_sentence_alone_or_with_others_finds_the_same(net):
    asked = ["the blue square", "both red squares", "a square moving left"]
    words = [net.grounder.words(sentence) for sentence in asked]

    def masks(which, clip_frames):
        def run(model):
            found = look_through(model, Clip(5), which, clip_frames=clip_frames)
            return [one.mask_logits(t) for one in found for t in range(5)]

        return run

    together = masks(words, 2)(net.model)
    alone = [mask for one in words for mask in masks([one], 5)(net.model)]
    tolerance = tolerance_of(net.model, masks(words, 2), draws=1)
    assert max((a - b).abs().max() for a, b in zip(together, alone, strict=True)) < tolerance
    assert (together[0] - together[5]).abs().max() > 100 * tolerance, "sentences differ"


def test_every_frame_is_encoded_once_for_all_sentences(net):
    video, encoded = Clip(5), []
    hook = net.model.backbone.register_forward_hook(
        lambda m, args, out: encoded.append(len(args[0]))
    )
    net.grounder.clip_frames = 2
    found = net.grounder.look(video, ["the blue square", "both red squares", "the left square"])
    hook.remove()
    assert video.reads == [0, 1, 2, 3, 4]
    assert encoded == [2, 2, 1]
    assert [len(prompts) for prompts in found] == [5, 5, 5]


def test_what_stays_of_a_video_is_small_and_linear(net):
    """Between clips: queries, boxes and words of each frame; maps are on disk."""

    def held(count):
        words = [net.grounder.words("the blue square")]
        (sighting,) = look_through(net.model, Clip(count), words, clip_frames=4)
        gc.collect()
        parts = [*sighting._tracks, sighting._words, sighting.scores]
        return sum(part.numel() for part in parts)

    config = net.model.config
    queries, words, width = config.kept_queries, 6, config.width
    a_frame = queries * (width + 4 + 1) + words * width
    assert (held(24) - held(8)) / 16 == a_frame


def test_the_spool_gives_back_what_it_took_and_is_gone():
    spool = FrameSpool()
    maps = torch.randn(7, 2, 3, 4)
    spool.append(maps[:4])
    assert torch.equal(spool.read(1), maps[1])
    spool.append(maps[4:])
    assert all(torch.equal(spool.read(t), maps[t]) for t in (6, 0, 3))
    file = spool._file
    del spool
    gc.collect()
    assert file.closed


def test_sessions_hand_out_what_is_meant(net):
    video = Clip(3)
    (prompts,) = net.grounder.look(video, ["the blue square"])
    session = net.start(3)
    output = session.step(video.frames[0], prompts[0])
    assert output.object_ids == session.object_ids == [1]
    assert output.mask_logits.shape == (1, 48, 64)
    assert output.mask_logits.dtype == torch.float32
    silent = session.step(video.frames[1])
    assert silent.object_ids == [1]
    assert (silent.mask_logits < 0).all()
    session.remove_object(1)
    assert session.object_ids == []
    with pytest.raises(KeyError):
        session.remove_object(1)
    with pytest.raises(TypeError, match="what its grounder makes"):
        session.step(video.frames[2], MaskPrompt([1], torch.ones(1, 48, 64, dtype=torch.bool)))
    with pytest.raises(PvuwError, match="looks at scale 1 only"):
        net.start(scale=2.0)


def test_nothing_above_the_threshold_is_the_best_or_nothing(folder):
    video, asked = Clip(2), ["the blue square"]
    (best,) = tiny(folder, choice=Choice(1.0)).grounder.look(video, asked)
    (nothing,) = tiny(folder, choice=Choice(1.0, or_best=False)).grounder.look(video, asked)
    assert list(best) == [0, 1]
    assert list(nothing) == []
    with pytest.raises(ValueError, match=r"threshold must be in 0\.\.1"):
        Choice(1.5)


@pytest.mark.parametrize("size_hw", [(4, 4), (4, 900), (33, 47)])
def test_odd_frames_have_masks(size_hw, net):
    video = Clip(1, (40, 50))
    video.frames = video.frames[..., :4, :4].repeat(1, 1, 300, 300)[..., : size_hw[0], : size_hw[1]]
    (prompts,) = net.grounder.look(video, ["the blue square"])
    output = net.start(1).step(video.frames[0], prompts[0])
    assert output.mask_logits.shape == (1, *size_hw)
    assert torch.isfinite(output.mask_logits).all()


def test_pictures_are_as_torchvision_makes_them():
    assert picture_size((135, 240), 360) == (360, 640)
    assert picture_size((480, 270), 360) == (640, 360)
    frame = torch.randint(0, 255, (3, 90, 160), dtype=torch.uint8)
    assert resized(frame, 90) is frame
    assert resized(frame, 36).shape == (3, 36, 64)


def test_looking_in_training_mode_is_refused(folder):
    with pytest.raises(RuntimeError, match=r"call \.eval\(\)"):
        tiny(folder).train().grounder.look(Clip(1), ["a square"])


def test_parts_hold_every_parameter(net):
    held = [prefix for prefixes in net.parts().values() for prefix in prefixes]
    for parameter, _ in net.named_parameters():
        assert any(parameter.startswith(prefix) for prefix in held), parameter


def test_what_is_trained_is_what_upstream_trains(net):
    """Upstream trains what has one of these words in its name, besides adapters."""
    words = ("feat_map", "LayerNorm", "backbone.0.norm0", ".bbox_embed", "pixel_decoder")
    words += ("mask_decoder", "temporal")
    weights = net.model.state_dict()
    public = {w.data_ptr(): n for n, w in reversed(to_release(weights).items()) if w.numel()}
    frozen = net.parts()["pretrained"]
    for name, weight in weights.items():
        theirs = public.get(weight.data_ptr())
        if theirs is None:  # fused there, in Swin, which is frozen
            assert "_proj." in name
        trained = theirs is not None and any(word in theirs for word in words)
        assert (f"model.{name}" not in frozen) == trained, (name, theirs)

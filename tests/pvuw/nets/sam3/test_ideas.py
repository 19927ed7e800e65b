"""The longer memory and the competition for readout: what they do, and when they do nothing."""

import math

import pytest
import torch

from pvuw.nets.sam2.memory import MapChoice
from pvuw.nets.sam3 import Competition, LongMemory, Sam3
from pvuw.nets.sam3.competition import portrait_evidence
from pvuw.nets.sam3.long_memory import SampledMemory
from tests.helpers.noise import DEEP, assert_within
from tests.pvuw.nets.sam2.records import absent, record
from tests.pvuw.nets.sam3.test_net import logits_of, prompt, rounding, stream, video, with_presence

__all__ = ["video"]


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    return Sam3().eval()


def sampled_after(records, **options):
    memory = SampledMemory(LongMemory(**options), 6)
    return [memory.see(r).sampled for r in records], memory


def test_frames_are_sampled_at_an_interval_while_the_object_is_found():
    records = [record(0, prompted=True), *(record(t) for t in range(1, 12))]
    records[4] = absent(4)
    choices, memory = sampled_after(records, every=4, frames=2)
    assert choices[4] == ()
    assert choices[5] == choices[8] == (5,)
    assert choices[9] == (5, 9)
    assert memory.confidence == pytest.approx(0.9 * math.tanh(4 / 2))
    choices, _ = sampled_after([*records, *(record(t) for t in range(12, 20))], every=4, frames=2)
    assert choices[-1] == (13, 17)


def test_what_else_decides_keeps_its_say():
    class Says:
        def see(self, record):
            return MapChoice(recent=(record.frame_idx,), permanent=(7,), pointers=(3,))

    memory = SampledMemory(LongMemory(every=1), 6, Says())
    memory.see(record(0, prompted=True))
    assert memory.see(record(7)) == MapChoice((7,), (7,), pointers=(3,), sampled=())
    assert memory.see(record(8)) == MapChoice((8,), (7,), pointers=(3,), sampled=(8,))


def test_weight_grows_with_what_is_held_and_with_doubt():
    config = LongMemory(frames=4, lost_weight=0.6, sure_weight=0.2)
    assert config.weight(0, 0.0) == 0
    assert config.weight(2, 0.0) == pytest.approx(0.3)
    assert config.weight(4, 1.0) == pytest.approx(0.2)
    assert config.weight(9, 0.5) == pytest.approx(0.4)


def test_sessions_blend_the_longer_memory_in(net, video, monkeypatch):
    def run(**weights):
        long = LongMemory(every=3, frames=2, min_score=0.0, **weights)
        monkeypatch.setattr(net, "long_memory", long)
        with_presence(net, monkeypatch, [9.0] * 40)
        return stream(net, video, {0: prompt(1)}, count=12)

    session, none = run(lost_weight=0.0, sure_weight=0.0)
    assert sorted(session._groups[0].memory.sampled) == [6, 9]
    assert all(m.features is not None for m in session._groups[0].memory.sampled.values())
    _, some = run()
    monkeypatch.setattr(net, "long_memory", None)
    with_presence(net, monkeypatch, [9.0] * 40)
    _, plain = stream(net, video, {0: prompt(1)}, count=12)
    found, expected = logits_of(none, 1), logits_of(plain, 1)
    assert torch.equal(found, expected)
    assert torch.equal(logits_of(some, 1)[:4], expected[:4])  # frame 3 is sampled, frame 4 reads it
    assert not torch.equal(logits_of(some, 1)[4], expected[4])


def test_the_blend_is_that_of_both_readings(net, video, monkeypatch):
    long = LongMemory(every=2, frames=1, lost_weight=1.0, sure_weight=1.0, min_score=0.0)
    monkeypatch.setattr(net, "long_memory", long)
    with_presence(net, monkeypatch, [9.0] * 40)
    session, _ = stream(net, video, {0: prompt(1)}, count=5)
    with torch.inference_mode():
        features = session._encoder.encode(video[5])
        (group,) = session._groups
        only = session._fusion.read_sampled(features, group.memory, frame_idx=5)
        assert torch.equal(session._read(group, features, 5), only)
        assert [place for place, _ in group.memory.sampled_maps(5)] == [0, 6]


def layer_and_cells(net, *, objects=2):
    generator = torch.Generator().manual_seed(2)
    layer = net.model.memory_attention.layers[0]
    return layer, torch.randn(objects, 64, 128, generator=generator)


def test_evidence_is_the_mean_over_a_portrait(net):
    layer, cells = layer_and_cells(net)
    portrait = torch.randn(128, 64)
    attention = layer.cross_attn_image
    with torch.inference_mode():
        found = portrait_evidence(layer, cells, portrait)
        query = attention.q_proj(layer.norm2(cells))
        key = attention.k_proj(portrait)
        table = attention.freqs_cis  # [64, 64] complex

        def turned(x, rows):
            pairs = torch.view_as_complex(x.reshape(*x.shape[:-1], -1, 2).contiguous())
            return torch.view_as_real(pairs * rows).flatten(-2)

        query = turned(query, table)
        key = turned(key, torch.cat([table, table]))
        logits = query @ key.T / 128**0.5
    torch.testing.assert_close(found, logits.exp().mean(-1).log(), rtol=DEEP, atol=DEEP)


def test_equal_portraits_take_nothing_and_better_ones_do(net):
    layer, cells = layer_and_cells(net, objects=1)
    generator = torch.Generator().manual_seed(4)
    mine = torch.randn(64, 64, generator=generator)
    with torch.inference_mode():
        equal = Competition().gate([mine, mine], [0])(layer, cells)
        torch.testing.assert_close(equal, torch.ones_like(equal))
        evidence = [portrait_evidence(layer, cells, p) for p in (mine, 3 * mine)]
        gate = Competition().gate([mine, 3 * mine], [0])(layer, cells)
        worse = evidence[1] > evidence[0] + 1e-3
        assert worse.any()
        assert (gate[worse] < 1).all()
        share = evidence[0].exp() / (evidence[0].exp() + evidence[1].exp())
        torch.testing.assert_close(gate[..., 0], (2 * share).clamp(max=1), rtol=DEEP, atol=DEEP)
        half = Competition(restored=0.5).gate([mine, 3 * mine], [0])(layer, cells)
        torch.testing.assert_close(half, 0.5 + 0.5 * gate)


def test_an_object_alone_is_read_as_ever_and_two_compete(net, video, monkeypatch):
    def run(competition, prompts):
        monkeypatch.setattr(net, "competition", competition)
        return stream(net, video, prompts, count=4)[1]

    alone = {0: prompt(1)}
    assert torch.equal(logits_of(run(Competition(), alone), 1), logits_of(run(None, alone), 1))
    both = {0: prompt(1), 2: prompt(3)}
    plain, competing = run(None, both), run(Competition(), both)
    assert torch.equal(competing[2].mask_logits, plain[2].mask_logits)  # 3 has no memory yet
    assert not torch.equal(competing[3].mask_logits, plain[3].mask_logits)
    restored = run(Competition(restored=1.0), both)
    tolerance = rounding(net, video, both, count=4)
    assert_within(restored[3].mask_logits, plain[3].mask_logits, tolerance)


@pytest.mark.parametrize("options", [{"every": 0}, {"lost_weight": 1.5}, {"frames": 0}])
def test_values_without_meaning_are_refused(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        LongMemory(**options)
    with pytest.raises(ValueError, match="restored"):
        Competition(restored=2.0)

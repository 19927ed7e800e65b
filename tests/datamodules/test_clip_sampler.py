import pytest

from datamodules.clip_order import ClipOrder, Pool
from datamodules.clip_sampler import ClipSampler, StartPoint
from datamodules.clip_sampling import ClipConfig

ASPECTS = [(24, 40), (24, 24), (40, 24), (24, 32)]
PLAIN = ClipConfig()
KEEP = ClipConfig(size=24, fit="keep", sizes=(24, 32), size_multiple=8)


def sampler(num_videos, *, num_clips=None, batch_size=1, config=PLAIN, pools=None, **options):
    num_clips = num_clips or num_videos
    pools = pools or [Pool("all", num_videos)]
    order = ClipOrder(pools, num_clips, 3, config, lambda video: ASPECTS[video % 4])
    return ClipSampler(range(num_clips), order, batch_size=batch_size, **options)


MIXES = [
    {},
    {"config": KEEP},
    {"pools": [Pool("a", 9, 1.0), Pool("b", 4, 1.0)]},
    {"pools": [Pool("a", 9, 1.0), Pool("b", 4, 3.0)], "config": KEEP},
]


@pytest.mark.parametrize("world_size", [1, 2, 3, 4])
@pytest.mark.parametrize("batch_size", [1, 2])
@pytest.mark.parametrize("mix", MIXES, ids=["one", "keep", "sources", "sources-keep"])
def test_processes_share_an_epoch_without_overlap(mix, world_size, batch_size):
    shares = [
        list(sampler(13, batch_size=batch_size, rank=rank, world_size=world_size, **mix))
        for rank in range(world_size)
    ]
    assert {len(share) for share in shares} == {13 // (world_size * batch_size) * batch_size}
    everything = [key.number for share in shares for key in share]
    assert len(set(everything)) == len(everything)
    # Step by step the processes together train on what one process would with a larger batch.
    step = world_size * batch_size
    alone = list(sampler(13, batch_size=step, **mix))
    for number in range(len(alone) // step):
        together = [
            key
            for share in shares
            for key in share[number * batch_size : (number + 1) * batch_size]
        ]
        assert set(together) == set(alone[number * step : (number + 1) * step])
        if step > 1:
            assert len({key.size_hw for key in together}) == 1


def test_epochs_differ_and_repeat():
    clips = sampler(9)
    first = list(clips)
    clips.set_epoch(1)
    second = list(clips)
    assert [key.epoch for key in second] == [1] * 9
    assert [key.number for key in first] != [key.number for key in second]
    clips.set_epoch(0)
    assert list(clips) == first


@pytest.mark.parametrize("mix", MIXES, ids=["one", "keep", "sources", "sources-keep"])
def test_resumed_epoch_skips_what_is_done_but_keeps_its_length(mix):
    whole = sampler(13, num_clips=10, batch_size=2, **mix)
    whole.set_epoch(4)
    resumed = sampler(13, num_clips=10, batch_size=2, start=StartPoint(4, 3), **mix)
    assert list(resumed) == list(whole)[6:]
    assert list(resumed) == list(whole)[6:]
    assert len(resumed) == len(whole) == 10
    for clips in (whole, resumed):
        clips.set_epoch(5)
    assert list(resumed) == list(whole)


def test_epoch_counter_behind_the_start_does_not_repeat_an_epoch():
    clips = sampler(5, start=StartPoint(3, 0), current_epoch=lambda: 2)
    assert {key.epoch for key in clips} == {3}

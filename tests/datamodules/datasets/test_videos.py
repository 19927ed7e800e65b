import pytest

from datamodules.datasets.videos import VideoLoader, shard_videos
from pvuw.io.videos import Video


def videos(*lengths):
    return [Video(f"v{i}", [None] * length) for i, length in enumerate(lengths)]


@pytest.mark.parametrize("world_size", [1, 2, 3, 8])
def test_every_video_goes_to_one_process(world_size):
    everything = videos(60, 5, 7, 300, 12, 12, 1)
    shares = [shard_videos(everything, rank=r, world_size=world_size) for r in range(world_size)]
    ids = [video.video_id for share in shares for video in share]
    assert sorted(ids) == sorted(video.video_id for video in everything)


def test_frames_are_spread_evenly_and_long_videos_come_first():
    shares = [
        [len(video) for video in shard_videos(videos(1, 8, 3, 5, 4, 7), rank=r, world_size=2)]
        for r in range(2)
    ]
    assert shares == [[8, 4, 3], [7, 5, 1]] or sorted(map(sum, shares)) == [13, 15]
    assert all(share == sorted(share, reverse=True) for share in shares)


def test_share_does_not_depend_on_the_order_of_the_list():
    forward, backward = videos(3, 3, 3, 9), videos(3, 3, 3, 9)[::-1]
    for rank in range(2):
        one = shard_videos(forward, rank=rank, world_size=2)
        other = shard_videos(backward, rank=rank, world_size=2)
        assert [v.video_id for v in one] == [v.video_id for v in other]


def test_loader_yields_the_videos_again_and_again():
    some = videos(1, 2)
    loader = VideoLoader(some)
    assert len(loader) == 2
    assert list(loader) == list(loader) == some

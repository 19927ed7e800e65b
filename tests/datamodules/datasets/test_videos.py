import pytest

from datamodules.datasets.videos import QueryLoader, by_video, shard_videos
from pvuw.io.queries import Query
from pvuw.io.videos import Video


def videos(*lengths):
    """Videos of one query each, by their numbers of frames."""
    return [[Query.of(Video(f"v{i}", [None] * length))] for i, length in enumerate(lengths)]


def id_of(queries):
    """Name of the video that queries ask about."""
    (name,) = {query.video.video_id for query in queries}
    return name


@pytest.mark.parametrize("world_size", [1, 2, 3, 8])
def test_every_video_goes_to_one_process(world_size):
    everything = videos(60, 5, 7, 300, 12, 12, 1)
    shares = [shard_videos(everything, rank=r, world_size=world_size) for r in range(world_size)]
    ids = [id_of(video) for share in shares for video in share]
    assert sorted(ids) == sorted(map(id_of, everything))


def test_queries_of_a_video_stay_together_and_count_as_often_as_they_are_run():
    long, short = Video("long", [None] * 20), Video("short", [None] * 12)
    asked = [Query(f"short/{e}", short, "the fish") for e in range(3)] + [Query.of(long)]
    together = by_video([asked[0], asked[3], asked[1], asked[2]])
    assert [[query.query_id for query in queries] for queries in together] == [
        ["short/0", "short/1", "short/2"],
        ["long"],
    ]
    assert [id_of(queries) for queries in shard_videos(together, rank=0, world_size=2)] == ["short"]


def test_frames_are_spread_evenly_and_long_videos_come_first():
    shares = [
        [
            len(video[0].video)
            for video in shard_videos(videos(1, 8, 3, 5, 4, 7), rank=r, world_size=2)
        ]
        for r in range(2)
    ]
    assert shares == [[8, 4, 3], [7, 5, 1]] or sorted(map(sum, shares)) == [13, 15]
    assert all(share == sorted(share, reverse=True) for share in shares)


def test_share_does_not_depend_on_the_order_of_the_list():
    forward, backward = videos(3, 3, 3, 9), videos(3, 3, 3, 9)[::-1]
    for rank in range(2):
        one = shard_videos(forward, rank=rank, world_size=2)
        other = shard_videos(backward, rank=rank, world_size=2)
        assert list(map(id_of, one)) == list(map(id_of, other))


def test_loader_yields_the_videos_again_and_again():
    some = videos(1, 2)
    loader = QueryLoader(some)
    assert len(loader) == 2
    assert list(loader) == list(loader) == some

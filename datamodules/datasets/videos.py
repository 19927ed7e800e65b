"""What is asked of whole videos, for validation and prediction, shared out over processes."""

import heapq
from collections.abc import Iterator, Sequence
from typing import TypeVar

from pvuw.io.queries import Query

T = TypeVar("T")


class QueryLoader:
    """Yields the queries of one video after another; frames are read later, by whoever runs them.

    Stands where Lightning expects a data loader. It is no torch `DataLoader` because nothing is
    collated and no worker could help.

    Args:
        videos: What this process runs: the queries of each of its videos, in order.
    """

    def __init__(self, videos: Sequence[list[Query]]) -> None:
        self.videos = videos

    def __len__(self) -> int:
        """Return the number of videos."""
        return len(self.videos)

    def __iter__(self) -> Iterator[list[Query]]:
        """Yield the queries of each video."""
        return iter(self.videos)


def by_video(queries: Sequence[Query]) -> list[list[Query]]:
    """Return the queries of each video, in the order they first come."""
    videos: dict[str, list[Query]] = {}
    for query in queries:
        videos.setdefault(query.video.video_id, []).append(query)
    return list(videos.values())


def shard_videos(videos: Sequence[list[Query]], *, rank: int, world_size: int) -> list[list[Query]]:
    """Return what one process runs: each video in exactly one share, frames spread evenly.

    The longest video left goes to the process with the fewest frames so far (longest processing
    time first, Graham 1969), so that no process waits long for the others. A video's frames count
    once for each query.

    Args:
        videos: The queries of each video.
        rank: The process.
        world_size: Number of processes.
    """
    shares: list[list[list[Query]]] = [[] for _ in range(world_size)]
    loads = [(0, share) for share in range(world_size)]

    def frames_of(queries: list[Query]) -> int:
        return sum(len(query.video) for query in queries)

    for video in sorted(videos, key=lambda video: (-frames_of(video), video[0].video.video_id)):
        frames, share = heapq.heappop(loads)
        shares[share].append(video)
        heapq.heappush(loads, (frames + frames_of(video), share))
    return shares[rank]


def spread(items: Sequence[T], count: int) -> list[T]:
    """Return `count` of some items, evenly spread over the sequence; all where there are no more.

    Args:
        items: In a fixed order, so that the same ones are always chosen.
        count: At least 1.

    Example:
        >>> spread(["v0", "v1", "v2", "v3", "v4", "v5"], 3)
        ['v1', 'v3', 'v5']
    """
    if count >= len(items):
        return list(items)
    return [items[(2 * place + 1) * len(items) // (2 * count)] for place in range(count)]

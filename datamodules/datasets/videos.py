"""Whole videos for validation and prediction, shared out over processes; no pixels."""

import heapq
from collections.abc import Iterator, Sequence

from pvuw.io.videos import Video


class VideoLoader:
    """Yields one `Video` after another; frames are read later, by whoever runs the video.

    Stands where Lightning expects a data loader. It is no torch `DataLoader` because nothing is
    collated and no worker could help.

    Args:
        videos: What this process runs, in order.
    """

    def __init__(self, videos: Sequence[Video]) -> None:
        self.videos = videos

    def __len__(self) -> int:
        """Return the number of videos."""
        return len(self.videos)

    def __iter__(self) -> Iterator[Video]:
        """Yield the videos."""
        return iter(self.videos)


def shard_videos(videos: Sequence[Video], *, rank: int, world_size: int) -> list[Video]:
    """Return the videos of one process: each video in exactly one share, frames spread evenly.

    The longest video left goes to the process with the fewest frames so far (longest processing
    time first, Graham 1969), so that no process waits long for the others.

    Args:
        videos: All videos.
        rank: The process.
        world_size: Number of processes.
    """
    shares: list[list[Video]] = [[] for _ in range(world_size)]
    loads = [(0, share) for share in range(world_size)]
    for video in sorted(videos, key=lambda video: (-len(video), video.video_id)):
        frames, share = heapq.heappop(loads)
        shares[share].append(video)
        heapq.heappush(loads, (frames + len(video), share))
    return shares[rank]


def spread(videos: Sequence[Video], count: int) -> list[Video]:
    """Return `count` of the videos, evenly spread over the sequence; all where there are no more.

    Args:
        videos: Some videos in a fixed order, of which the same ones are always chosen.
        count: At least 1.

    Example:
        >>> videos = [Video(f"v{number}", []) for number in range(6)]
        >>> [video.video_id for video in spread(videos, 3)]
        ['v1', 'v3', 'v5']
    """
    if count >= len(videos):
        return list(videos)
    return [videos[(2 * place + 1) * len(videos) // (2 * count)] for place in range(count)]

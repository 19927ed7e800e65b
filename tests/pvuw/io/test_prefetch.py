import threading
import time

import pytest

from pvuw.errors import DataError
from pvuw.io.listing import VideoFolder, list_videos
from pvuw.io.prefetch import behind, prefetch, prefetch_frames
from pvuw.io.videos import Video
from tests.pvuw.io.make import square, write_video


def threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("prefetch")]


@pytest.mark.parametrize("depth", [1, 2, 4, 50])
@pytest.mark.parametrize("count", [0, 1, 3, 10])
def test_items_come_in_order(depth, count):
    assert list(prefetch(lambda i: i * i, count, depth=depth)) == [i * i for i in range(count)]
    assert threads() == []


@pytest.mark.parametrize("depth", [1, 3])
def test_never_more_than_depth_items_ahead(depth):
    started, ahead = [], []

    def read(position):
        started.append(position)
        return position

    for position in prefetch(read, 20, depth=depth):
        time.sleep(0.005)  # long enough for the thread to run as far as it may
        ahead.append(len(started) - 1 - position)
    assert max(ahead) == depth


def test_reading_happens_in_another_thread_ahead_of_use():
    names = set()
    second_read = threading.Event()

    def read(position):
        names.add(threading.current_thread().name)
        if position == 1:
            second_read.set()
        return position

    items = prefetch(read, 2, depth=2)
    assert next(items) == 0
    assert second_read.wait(5)
    items.close()
    assert threading.current_thread().name not in names


def test_error_comes_at_its_item_and_ends_the_thread():
    def read(position):
        if position == 3:
            raise DataError("frame 3")
        return position

    items = prefetch(read, 10, depth=4)
    assert [next(items) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(DataError, match="frame 3"):
        next(items)
    assert threads() == []


@pytest.mark.parametrize("how", ["close", "break", "drop", "raise"])
def test_thread_ends_when_the_consumer_stops(how):
    reads = []
    items = prefetch(lambda i: reads.append(i) or i, 1000, depth=3)
    assert next(items) == 0
    assert threads() != []
    if how == "close":
        items.close()
    elif how == "break":
        for _ in items:
            break
        del items
    elif how == "drop":
        del items
    else:
        with pytest.raises(RuntimeError):
            items.throw(RuntimeError)
    assert threads() == []
    assert len(reads) <= 6


def test_depth_must_be_positive():
    with pytest.raises(ValueError, match="depth must be at least 1, got 0"):
        next(prefetch(lambda i: i, 3, depth=0))


def test_frames_of_a_video(tmp_path):
    write_video(tmp_path, "v", [square(1), None, None])
    (tmp_path / "JPEGImages/v/00002.jpg").write_bytes(b"")
    (video,) = list_videos(VideoFolder(tmp_path / "JPEGImages"))
    frames = prefetch_frames(video, depth=3)
    for position in range(2):
        got, frame = next(frames)
        assert got == position
        assert (frame.float() - (10 * position + 20)).abs().max() <= 1
    with pytest.raises(DataError, match=r"00002\.jpg: empty file"):
        next(frames)


def test_broken_video_is_reported_before_anything_is_read():
    with pytest.raises(DataError, match="v: broken"):
        prefetch_frames(Video("v", [], problem="v: broken"))


def test_two_threads_work_at_the_same_time_and_keep_the_order():
    meeting = threading.Barrier(2)

    def work(position):
        meeting.wait(timeout=5)
        time.sleep(0.01 * (position % 3 == 0))
        return position

    assert list(prefetch(work, 8, depth=2, threads=2)) == list(range(8))


def test_work_follows_in_order_in_another_thread():
    done = []
    with behind(lambda item: done.append((item, threading.current_thread().name)), depth=2) as put:
        for item in range(20):
            put(item)
    assert [item for item, _ in done] == list(range(20))
    assert {name for _, name in done} == {"behind_0"}


def test_no_more_than_the_depth_waits():
    go, started = threading.Event(), []

    def work(item):
        started.append(item)
        assert go.wait(10)

    def hand_over(put):
        for item in range(5):
            put(item)
            handed.append(item)

    handed = []
    with behind(work, depth=2) as put:
        thread = threading.Thread(target=hand_over, args=(put,))
        thread.start()
        while len(handed) < 2:
            time.sleep(0.01)
        time.sleep(0.1)
        assert handed == [0, 1]
        go.set()
        thread.join(10)
    assert started == handed == list(range(5))


@pytest.mark.parametrize("count", [1, 6])
def test_what_work_raises_comes_out(count):
    def work(item):
        raise ValueError(f"item {item}")

    def hand_over():
        with behind(work, depth=2) as put:
            for item in range(count):
                put(item)

    with pytest.raises(ValueError, match="item 0"):
        hand_over()

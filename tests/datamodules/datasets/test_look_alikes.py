import numpy as np

from datamodules.datasets.look_alikes import by_likeness


def scene(*colours, noise=0, size=8):
    """A row of squares, each with its colour and its label; background is black."""
    labels = np.zeros((size + 4, (size + 4) * len(colours)), np.uint8)
    frame = np.zeros((*labels.shape, 3), np.uint8)
    rng = np.random.default_rng(0)
    for i, colour in enumerate(colours):
        left = 2 + i * (size + 4)
        labels[2 : 2 + size, left : left + size] = i + 1
        pixels = np.array(colour) + rng.integers(-noise, noise + 1, (size, size, 1))
        frame[2 : 2 + size, left : left + size] = pixels
    return frame, labels


def test_objects_of_one_colour_come_together():
    frame, labels = scene((200, 30, 30), (30, 30, 200), (190, 40, 35), (40, 35, 190))
    assert by_likeness(frame, labels, [1, 2, 3, 4])[:2] == [1, 3]
    assert by_likeness(frame, labels, [2, 1, 3, 4])[:2] == [2, 4]
    assert by_likeness(frame, labels, [4, 1, 3, 2])[:2] == [4, 2]


def test_the_drawn_object_stays_in_front_and_none_is_lost():
    frame, labels = scene(*[(90, 90, 90)] * 5)
    for ranked in ([3, 1, 2, 5, 4], [5, 4, 3, 2, 1]):
        assert by_likeness(frame, labels, ranked) == ranked, "equal likeness keeps the order"
    assert by_likeness(frame, labels, [2]) == [2]


def test_contrast_counts_where_the_mean_colour_is_the_same():
    frame, labels = scene((120, 120, 120), (120, 120, 120), (120, 120, 120), size=20)
    stripes = np.where(np.arange(20) % 4 < 2, 80, 160)[:, None, None]
    for i in (0, 2):
        left = 2 + 24 * i
        frame[2:22, left : left + 20] = stripes
    assert by_likeness(frame, labels, [1, 2, 3]) == [1, 3, 2]


def test_frames_of_another_size_than_the_labels():
    frame, labels = scene((200, 30, 30), (30, 30, 200), (190, 40, 35))
    large = frame.repeat(5, axis=0).repeat(5, axis=1)
    assert by_likeness(large, labels, [1, 2, 3]) == [1, 3, 2]

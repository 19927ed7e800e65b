from pvuw.io.frame_order import in_order, natural_key


def test_natural_key_orders_mixed_names():
    names = ["10", "9", "a10", "a9", "a", "09"]
    assert sorted(names, key=natural_key) == ["09", "9", "10", "a", "a9", "a10"]


def test_frames_are_in_the_order_of_their_numbers():
    assert in_order(f"frame_{t}" for t in (1, 10, 11, 2)) == [f"frame_{t}" for t in (1, 2, 10, 11)]
    assert in_order(["00010", "00009"]) == ["00009", "00010"]
    assert in_order(["10", "9"]) == ["9", "10"]
    assert in_order([]) == []

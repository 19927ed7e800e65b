import numpy as np
import pytest

from pvuw.ensemble.recommend.agreement import AgreementStream, compare_with
from pvuw.ensemble.recommend.features import WINDOW_FRAMES


def id_map(*ids):
    return np.array([ids], dtype=np.uint8)


def naive_iou(a, b, object_id):
    a, b = a == object_id, b == object_id
    return (a & b).sum() / (a | b).sum()


def test_ious_equal_the_naive_ones():
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 4, (2, 30, 40), dtype=np.uint8)
    expected = {i: pytest.approx(naive_iou(a, b, i)) for i in (1, 2, 3)}
    assert compare_with(a, [b]).ious[0] == expected


@pytest.mark.parametrize("num_ids", [1, 4, 200])
def test_all_members_at_once_are_what_each_is_alone(num_ids):
    rng = np.random.default_rng(num_ids)
    label = rng.integers(0, num_ids, (30, 40), dtype=np.uint8)
    maps = [np.where(rng.random(label.shape) < p, label, label[::-1]) for p in (0, 0.5, 1)]
    found = compare_with(label, [maps[0], None, *maps[1:]])
    assert found.ious[1] is None
    for ious, one in zip([found.ious[0], *found.ious[2:]], maps, strict=True):
        ids = np.union1d(label, one)
        assert ious == {int(i): pytest.approx(naive_iou(label, one, i)) for i in ids[ids > 0]}
    assert found.label_ids == set(np.unique(label[label > 0]).tolist())


def test_large_maps_are_thinned_out():
    label = np.zeros((1080, 1920), dtype=np.uint8)
    label[100:700, 200:1000] = 5
    masks = np.zeros_like(label)
    masks[100:700, 400:1000] = 5
    # Of the 400 columns that are left of 800, one at each end may fall either way.
    assert compare_with(label, [masks]).ious[0][5] == pytest.approx(0.75, abs=2 / 400)


def test_maps_of_other_sizes_are_refused():
    with pytest.raises(ValueError, match="differ in size"):
        compare_with(id_map(1), [id_map(1, 1)])


def test_an_object_counts_from_the_label_on():
    stream = AgreementStream()
    stream.update(id_map(1, 0, 0), id_map(1, 2, 0))  # 2 is not in the label yet
    stream.update(id_map(1, 2, 0), id_map(1, 2, 2))
    assert stream.object(1) == 1
    assert stream.object(2) == 0.5
    assert stream.object(3) is None
    assert stream.video() == pytest.approx((1 + 0.75) / 2)


def test_absent_in_both_is_agreement_and_a_wrong_guess_is_not():
    stream = AgreementStream()
    for masks in (id_map(1, 0), id_map(0, 0), id_map(0, 1)):
        stream.update(id_map(1, 0) if masks[0, 0] else id_map(0, 0), masks)
    assert stream.object(1) == pytest.approx((1 + 1 + 0) / 3)


def test_the_window_forgets():
    stream = AgreementStream()
    stream.update(id_map(1, 0), id_map(0, 1))
    for _ in range(WINDOW_FRAMES):
        stream.update(id_map(1, 0), id_map(1, 0))
    assert stream.frame() == 1
    assert stream.video() == pytest.approx(WINDOW_FRAMES / (WINDOW_FRAMES + 1))


def test_nothing_seen_is_no_agreement():
    stream = AgreementStream()
    stream.update(id_map(0, 0), id_map(0, 3))
    assert stream.video() is None
    assert stream.frame() is None

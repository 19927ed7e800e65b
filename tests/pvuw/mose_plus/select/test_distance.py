import numpy as np
import pytest

from pvuw.errors import DataError
from pvuw.mose_plus.config import SelectionConfig, TraitWeight
from pvuw.mose_plus.select.distance import distance_to, reference_ranges
from pvuw.traits.video_traits import TRAIT_KINDS
from tests.pvuw.mose_plus.make import traits


def config(**weights):
    chosen = {name: TraitWeight(weight=w, typical=t) for name, (w, t) in weights.items()}
    return SelectionConfig(weights=chosen, min_reference=5)


def reference(values, name="objects_per_frame"):
    return [traits(str(i), **{name: float(value)}) for i, value in enumerate(values)]


def distance(ranges, settings, **values):
    return distance_to(ranges, traits(**values), settings)


def test_range_and_scale_are_quantiles_of_the_reference():
    settings = config(objects_per_frame=(1.0, (0.25, 0.75)))
    found = reference_ranges(reference(range(101)), settings)["objects_per_frame"]
    assert (found.low, found.high, found.num_videos) == (25, 75, 101)
    assert found.scale == pytest.approx(50 / 1.349)


def test_scale_of_a_normal_distribution_is_its_deviation():
    values = np.random.default_rng(0).normal(10, 3, 20000)
    settings = config(objects_per_frame=(1.0, (0.5, 0.5)))
    found = reference_ranges(reference(values), settings)["objects_per_frame"]
    assert found.scale == pytest.approx(3, rel=0.02)


def test_distance_is_two_sided_and_clipped():
    settings = config(objects_per_frame=(1.0, (0.25, 0.75)))
    ranges = reference_ranges(reference(range(101)), settings)
    scale = 50 / 1.349
    for value, expected in ((25, 0), (60, 0), (15, 10 / scale), (85, 10 / scale), (999, 4)):
        found = distance(ranges, settings, objects_per_frame=float(value))
        assert found.value == pytest.approx(expected)


def test_upper_half_wants_no_easier_video_and_none_beyond_the_reference():
    settings = config(objects_per_frame=(1.0, (0.5, 1.0)))
    ranges = reference_ranges(reference(range(101)), settings)
    easy, hard, beyond = (
        distance(ranges, settings, objects_per_frame=value).value for value in (20.0, 95.0, 130.0)
    )
    assert hard == 0
    assert easy == pytest.approx(beyond)  # 30 from the median, 30 from the largest


def test_weights_share_out_the_distance():
    settings = config(objects_per_frame=(3.0, (0.5, 0.5)), bor_mean=(1.0, (0.5, 0.5)))
    videos = [traits(str(i), objects_per_frame=float(i), bor_mean=i / 100) for i in range(101)]
    ranges = reference_ranges(videos, settings)
    found = distance(ranges, settings, objects_per_frame=50.0, bor_mean=0.5 + 50 / 1.349 / 100)
    assert found.by_trait == {"objects_per_frame": 0, "bor_mean": pytest.approx(1)}
    assert found.value == pytest.approx(0.25)
    assert found.worst == "bor_mean"


def test_reference_of_one_value_falls_back_to_the_smallest_meaningful_difference():
    settings = config(bor_mean=(1.0, (0.5, 0.5)))
    ranges = reference_ranges(reference([0.2] * 9, "bor_mean"), settings)
    assert ranges["bor_mean"].scale == TRAIT_KINDS["bor_mean"].floor
    assert distance(ranges, settings, bor_mean=0.2).value == 0
    assert distance(ranges, settings, bor_mean=0.24).value == pytest.approx(2)


def test_trait_that_the_reference_lacks_is_left_out():
    settings = config(bor_mean=(1.0, (0.5, 0.5)), occlusion_label=(5.0, (0.5, 0.5)))
    videos = reference(np.linspace(0, 1, 30), "bor_mean")
    assert list(reference_ranges(videos, settings)) == ["bor_mean"]


def test_trait_that_the_video_lacks_is_left_out_down_to_half_the_weight():
    settings = config(bor_mean=(1.0, (0.5, 0.5)), similarity=(2.0, (0.5, 0.5)))
    videos = [traits(str(i), bor_mean=i / 9, similarity=i / 9) for i in range(10)]
    ranges = reference_ranges(videos, settings)
    assert distance(ranges, settings, bor_mean=None, similarity=0.5).value == 0
    assert distance(ranges, settings, bor_mean=0.5, similarity=None) is None


def test_one_frame_a_second_says_nothing_about_reappearance():
    settings = config(reappearance_rate=(1.0, (0.5, 0.5)), bor_mean=(1.0, (0.5, 0.5)))
    videos = [traits(str(i), reappearance_rate=i / 9, bor_mean=0.2) for i in range(10)]
    ranges = reference_ranges(videos, settings)
    found = {
        fps: set(distance(ranges, settings, reappearance_rate=0.0, fps=fps).by_trait)
        for fps in (1.0, 6.0, None)
    }
    both = {"reappearance_rate", "bor_mean"}
    assert found == {1.0: {"bor_mean"}, 6.0: both, None: both}


def test_small_reference_is_an_error():
    settings = config(bor_mean=(1.0, (0.5, 0.5)))
    with pytest.raises(DataError, match=r"has 4 videos.*min_reference = 5"):
        reference_ranges(reference([0.1] * 4, "bor_mean"), settings)


def test_weight_zero_leaves_a_trait_out():
    settings = config(bor_mean=(1.0, (0.5, 0.5)), similarity=(0.0, (0.5, 0.5)))
    videos = [traits(str(i), bor_mean=i / 9, similarity=i / 9) for i in range(10)]
    assert list(reference_ranges(videos, settings)) == ["bor_mean"]

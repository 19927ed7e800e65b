"""Optical flow by RAFT: its sizes, its cache, its weights; the network itself is torchvision's."""

from copy import copy

import numpy as np
import pytest
import torch
from torchvision.models.optical_flow import raft_small

from pvuw.errors import DataError, PvuwError, WeightsError
from pvuw.nets.flow import FlowConfig, FlowEstimator, through_jpeg
from tests.helpers.noise import FLOAT16, assert_within, tolerance_of


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    torch.manual_seed(3)
    path = tmp_path_factory.mktemp("raft") / "small.pth"
    torch.save(raft_small(weights=None).state_dict(), path)
    return path


def estimator(weights, **changes):
    return FlowEstimator(FlowConfig(weights, "small", updates=1, **changes))


def rounding(tool, first, second):
    """How far flow may move."""

    def estimate(net):
        moved = copy(tool)
        moved._net = net
        return [moved.estimate(first, second)]

    return tolerance_of(tool._net, estimate)


def frames(count=2, size_hw=(40, 50)):
    return torch.randint(0, 256, (count, 3, *size_hw), dtype=torch.uint8)


def test_flow_has_the_size_of_the_frames_whatever_it_is(weights):
    first, second = frames(2, (37, 150))[:, None]
    flow = estimator(weights).estimate(first, second)
    assert flow.shape == (1, 2, 37, 150)
    assert flow.dtype == torch.float32


def test_equal_to_torchvision_where_it_takes_the_size(weights):
    first, second = frames(2, (128, 136))[:, None]
    net = raft_small(weights=None).eval()
    net.load_state_dict(torch.load(weights))
    with torch.no_grad():
        wanted = net(first / 127.5 - 1, second / 127.5 - 1, num_flow_updates=1)[-1]
    tool = estimator(weights)
    assert_within(tool.estimate(first, second), wanted, rounding(tool, first, second))


def test_a_pair_does_not_depend_on_its_neighbours(weights):
    first, second = frames(5), frames(5)
    tool = estimator(weights)
    together = tool.estimate(first, second)
    alone = tool.estimate(first[4:], second[4:])
    assert_within(together[4:], alone, rounding(tool, first, second))


def test_uint8_and_float_frames_are_the_same(weights):
    first, second = frames(2)[:, None]
    tool = estimator(weights)
    of_floats = tool.estimate(first / 255, second / 255)
    assert_within(tool.estimate(first, second), of_floats, rounding(tool, first, second))


def test_shrunk_frames_give_vectors_of_the_full_size(weights):
    first, second = frames(2, (256, 320))[:, None]
    tool = estimator(weights, short_side=128)
    flow = tool.estimate(first, second)
    assert flow.shape == (1, 2, 256, 320)
    tool._net.forward = lambda a, b, num_flow_updates: [torch.ones(1, 2, *a.shape[-2:])]
    assert torch.equal(tool.estimate(first, second), torch.full((1, 2, 256, 320), 2.0))


def test_the_cache_changes_no_result_and_is_used(weights, tmp_path):
    first, second = frames()
    cached = estimator(weights, cache=tmp_path / "flow")
    found = cached.between(first, second)
    assert len(list((tmp_path / "flow").rglob("*.npy"))) == 1
    cached._net = None  # whatever would be computed is an error now
    assert torch.equal(cached.between(first, second), found)
    torch.testing.assert_close(
        found, estimator(weights).between(first, second), rtol=FLOAT16, atol=FLOAT16
    )


def test_the_cache_tells_pairs_and_settings_apart(weights, tmp_path):
    first, second = frames()
    for changes in ({}, {"short_side": 20}):
        tool = estimator(weights, cache=tmp_path, **changes)
        tool.between(first, second)
        tool.between(second, first)
    assert len(list(tmp_path.rglob("*.npy"))) == 4
    assert not list(tmp_path.rglob("*.tmp"))


def test_a_damaged_cache_is_named(weights, tmp_path):
    first, second = frames()
    tool = estimator(weights, cache=tmp_path)
    tool.between(first, second)
    (path,) = tmp_path.rglob("*.npy")
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(DataError, match=f"{path}.*delete it"):
        tool.between(first, second)


@pytest.mark.parametrize(("last", "repeats"), [("backward", False), ("repeat", True)])
def test_the_last_frame_of_a_clip(weights, last, repeats):
    clip = frames(3)
    tool = estimator(weights, last=last)
    pictures = tool.clip_pictures(clip)
    assert pictures.shape == clip.shape
    backward = tool.picture(tool.between(clip[2], clip[1]))
    difference = (pictures[2].int() - (pictures[1] if repeats else backward).int()).abs()
    assert difference.max() <= 1
    assert torch.equal(pictures[1], pictures[2]) == repeats


def test_pictures_through_jpeg(weights):
    flow = torch.randn(2, 16, 24)
    plain, compressed = (estimator(weights, jpeg_quality=q).picture(flow) for q in (None, 50))
    assert compressed.shape == plain.shape
    assert not torch.equal(compressed, plain)
    smooth = torch.full((3, 16, 16), 100, dtype=torch.uint8)
    assert (through_jpeg(smooth, 95).int() - 100).abs().max() <= 2


def test_without_weights_estimating_is_refused():
    tool = FlowEstimator(FlowConfig(model="small"))
    with pytest.raises(PvuwError, match=r"flow\.weights"):
        tool.between(*frames())


def test_weights_of_the_other_size_are_refused(weights):
    with pytest.raises(WeightsError, match=r"does not fit RAFT large; .*missing: context_encoder"):
        FlowEstimator(FlowConfig(weights))


def test_the_weights_are_not_trained(weights):
    assert not any(p.requires_grad for p in estimator(weights)._net.parameters())


@pytest.mark.parametrize(
    "wrong", [{"updates": 0}, {"short_side": 0}, {"jpeg_quality": 0}, {"jpeg_quality": 101}]
)
def test_values_without_meaning_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        FlowConfig(**wrong)


def test_cached_files_are_plain_arrays(weights, tmp_path):
    estimator(weights, cache=tmp_path).between(*frames())
    (path,) = tmp_path.rglob("*.npy")
    assert np.load(path).dtype == np.float16

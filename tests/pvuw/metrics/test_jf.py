from datetime import timedelta

import pytest
import torch
from torch import distributed, multiprocessing, nn

from pvuw.metrics.jf import JAndF
from tests.helpers.noise import DOUBLE, DOUBLE_SUMMATION, EPS

GROUPS = ["davis/", "small_", "huge_"]
MEMBERS = [[["davis/"], ["davis/", "small_"], ["davis/"]], [[]], [["small_"], []]]
VIDEOS = [
    (torch.tensor([0.1, 0.2, 0.3]), torch.tensor([0.4, 0.5, 0.6])),
    (torch.tensor([0.9]), torch.tensor([0.8])),
    (torch.tensor([0.75, 0.25]), torch.tensor([1.0, 0.0])),
]


def test_objects_count_the_same_whatever_their_video():
    metric = JAndF()
    for j, f in VIDEOS:
        metric.update(j, f)
    j = torch.cat([j for j, _ in VIDEOS]).double().mean()
    f = torch.cat([f for _, f in VIDEOS]).double().mean()
    values = metric.compute()
    assert values["j"] == pytest.approx(j.item(), abs=DOUBLE)
    assert values["f"] == pytest.approx(f.item(), abs=DOUBLE)
    assert values["jf"] == pytest.approx((j.item() + f.item()) / 2, abs=DOUBLE)
    assert values["j"].dtype == torch.float64


def test_many_small_values_lose_nothing():
    metric = JAndF()
    step = torch.full((1000,), 0.1, dtype=torch.float64)
    for _ in range(100):
        metric.update(step, step)
    assert metric.compute()["j"].item() == pytest.approx(0.1, abs=DOUBLE_SUMMATION)


def test_sums_stay_float64_inside_a_half_precision_module():
    module = nn.ModuleDict({"val": JAndF()})
    module.to(torch.bfloat16)
    metric = module["val"]
    metric.update(*VIDEOS[0])
    assert metric.j_sum.dtype == torch.float64


def test_reset_forgets():
    metric = JAndF()
    metric.update(*VIDEOS[0])
    metric.reset()
    metric.update(*VIDEOS[1])
    assert metric.compute()["j"].item() == pytest.approx(0.9, abs=EPS)


def test_a_video_without_objects_changes_nothing():
    metric = JAndF()
    metric.update(*VIDEOS[1])
    metric.update(torch.zeros(0), torch.zeros(0))
    assert metric.compute()["j"].item() == pytest.approx(0.9, abs=EPS)


@pytest.mark.filterwarnings("ignore:The ``compute`` method of metric JAndF:UserWarning")
def test_no_object_is_no_number():
    assert JAndF().compute()["jf"].isnan()


def test_groups_are_means_over_their_own_objects_and_empty_ones_are_left_out():
    metric = JAndF(GROUPS)
    for (j, f), groups in zip(VIDEOS, MEMBERS, strict=True):
        metric.update(j, f, groups)
    values = metric.compute()
    assert set(values) == {
        f"{g}{name}" for g in ("", "davis/", "small_") for name in ("j", "f", "jf")
    }
    assert values["davis/j"].item() == pytest.approx(0.2, abs=EPS)
    assert values["small_f"].item() == pytest.approx((0.5 + 1.0) / 2, abs=EPS)
    assert values["small_jf"].item() == pytest.approx(((0.2 + 0.75) / 2 + 0.75) / 2, abs=EPS)


def test_groups_are_one_for_each_object():
    with pytest.raises(ValueError, match="one for each of 3 objects, got 1"):
        JAndF(GROUPS).update(*VIDEOS[0], [["small_"]])


@pytest.mark.parametrize(
    ("j", "f"), [(torch.zeros(2), torch.zeros(3)), (torch.zeros(2, 2), torch.zeros(2, 2))]
)
def test_shapes_are_checked(j, f):
    with pytest.raises(ValueError, match=r"must both be \[N\], got \[2"):
        JAndF().update(j, f)


def _score_share(rank, folder):
    torch.set_num_threads(1)
    distributed.init_process_group(
        "gloo",
        init_method=f"file://{folder}/rendezvous",
        rank=rank,
        world_size=2,
        timeout=timedelta(seconds=120),
    )
    metric = JAndF(GROUPS)
    mine = slice(1) if rank == 0 else slice(1, None)
    for (j, f), groups in zip(VIDEOS[mine], MEMBERS[mine], strict=True):
        metric.update(j, f, groups)
    torch.save(metric.compute(), folder / f"{rank}.pt")
    distributed.destroy_process_group()


@pytest.mark.slow  # two fresh processes import torch
def test_two_processes_with_unequal_shares_equal_one(tmp_path):
    alone = JAndF(GROUPS)
    for (j, f), groups in zip(VIDEOS, MEMBERS, strict=True):
        alone.update(j, f, groups)
    multiprocessing.spawn(_score_share, args=(tmp_path,), nprocs=2)
    for rank in range(2):
        together = torch.load(tmp_path / f"{rank}.pt")
        assert together.keys() == alone.compute().keys()
        for name, value in alone.compute().items():
            assert together[name].item() == pytest.approx(value.item(), abs=DOUBLE)

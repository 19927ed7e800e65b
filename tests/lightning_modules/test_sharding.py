"""Sharded weights: two gloo processes train as with DDP, and what cannot be sharded is refused."""

import os
import socket
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from lightning.pytorch.strategies import FSDPStrategy, ModelParallelStrategy
from lightning.pytorch.trainer.states import TrainerFn

from lightning_modules import ShardedStrategy
from lightning_modules.sharding import WholeNetwork, share_out
from pvuw.errors import PvuwError
from pvuw.nets.copy_first import CopyFirst
from pvuw.nets.sam2 import Sam2
from pvuw.nets.sam3 import Sam3
from pvuw.nets.tuning import TuningConfig
from tests.helpers.noise import DEEP, SUMMATION
from tests.lightning_modules import sharded_driver
from tests.lightning_modules.ddp_driver import OPTIM

CASES = list(sharded_driver.CASES)
ROOT = Path(__file__).parents[2]
LIMIT = 500  # seconds until a hang is one; half a minute on two idle cores


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def launch(out, cases, *, nodes=1):
    """Results of the driver in two processes, started as torchrun would."""
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "WORLD_SIZE": "2"}
    shared |= {"TORCHELASTIC_RUN_ID": "test", "LOCAL_WORLD_SIZE": str(2 // nodes)}
    shared |= {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    processes = []
    for rank in range(2):
        own = {"RANK": rank, "LOCAL_RANK": rank // nodes, "GROUP_RANK": rank * (nodes - 1)}
        processes.append(
            subprocess.Popen(
                [sys.executable, sharded_driver.__file__, str(nodes), out, *cases],
                env=os.environ | shared | {name: str(value) for name, value in own.items()},
                stderr=(out / f"{rank}.log").open("w"),
                stdout=subprocess.DEVNULL,
            )
        )
    try:
        statuses = [process.wait(LIMIT) for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert statuses == [0, 0], (out / "0.log").read_text()[-3000:]
    return [torch.load(out / f"{rank}.pt") for rank in range(2)]


def last(folder):
    return torch.load(folder / "last.ckpt", weights_only=True)


def assert_same(ddp, sharded, *, within):
    """The same checkpoint but for rounding: names, weights, optimizer state and its order."""
    assert ddp.keys() == sharded.keys()
    assert list(ddp["state_dict"]) == list(sharded["state_dict"])
    for name, weight in ddp["state_dict"].items():
        assert (weight - sharded["state_dict"][name]).abs().max() <= within, name
    ours, theirs = sharded["optimizer_states"][0], ddp["optimizer_states"][0]
    assert ours["param_groups"] == theirs["param_groups"]
    assert ours["state"].keys() == theirs["state"].keys()
    for number, moments in theirs["state"].items():
        assert moments["step"] == ours["state"][number]["step"]
        error = (moments["exp_avg"] - ours["state"][number]["exp_avg"]).abs().max()
        assert error <= within * max(moments["exp_avg"].abs().max(), OPTIM.lr), number


def assert_trained_alike(ranks, out, case):
    """Losses and norms of every step as with DDP, and so the checkpoint."""
    for results in ranks:
        ddp, sharded = (results[f"{case}_{name}"] for name in ("ddp", "sharded"))
        assert sharded["losses"][0] == pytest.approx(ddp["losses"][0], rel=SUMMATION)
        assert sharded["losses"] == pytest.approx(ddp["losses"], rel=DEEP)
        assert sharded["norms"] == pytest.approx(ddp["norms"], rel=DEEP)
    # AdamW makes steps of the rate's size of gradients that are rounding alone.
    assert_same(last(out / f"{case}_ddp"), last(out / f"{case}_sharded"), within=0.3 * OPTIM.lr)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """All cases in the same two processes: folder, and results of each process."""
    out = tmp_path_factory.mktemp("sharded")
    return out, launch(out, [case for case in CASES if case != "adapted" or find_spec("peft")])


@pytest.mark.slow
def test_mixed_precision_loses_no_gradient(trained):
    _, ranks = trained
    for results in ranks:
        ddp, sharded = (results[f"mixed_{name}"] for name in ("ddp", "sharded"))
        assert sharded["losses"][0] == pytest.approx(ddp["losses"][0], rel=SUMMATION)
        assert sharded["norms"][0] == pytest.approx(ddp["norms"][0], rel=DEEP)
        # Weights that differ by rounding round to other bfloat16 numbers.
        assert sharded["losses"] == pytest.approx(ddp["losses"], rel=1e-2)
        assert sharded["norms"] == pytest.approx(ddp["norms"], rel=1e-2)


@pytest.mark.slow
@pytest.mark.parametrize("case", [case for case in CASES if case != "mixed"])
def test_losses_norms_weights_and_checkpoints_are_those_of_ddp(trained, case):
    if case == "adapted":
        pytest.importorskip("peft")
    out, ranks = trained
    assert_trained_alike(ranks, out, case)


@pytest.mark.slow
def test_each_process_holds_its_share(trained):
    _, ranks = trained
    everything, shares = (
        [results[f"plain_{name}"]["held"] for results in ranks] for name in ("ddp", "sharded")
    )
    assert sum(shares) == everything[0] == everything[1]
    assert max(shares) < 0.51 * everything[0]


@pytest.mark.slow
def test_a_continued_run_ends_with_the_same_bits(trained):
    out, _ = trained
    whole, continued = last(out / "plain_sharded"), last(out / "continued")
    assert whole["global_step"] == continued["global_step"] == 4
    assert_same(whole, continued, within=0)
    middle = torch.load(out / "plain_sharded" / "middle.ckpt", weights_only=True)
    assert middle["global_step"] == 2
    for before, after in (
        (sharded_driver.module_of("plain").state_dict(), middle["state_dict"]),
        (middle["state_dict"], whole["state_dict"]),
    ):
        assert max((after[name] - weight).abs().max() for name, weight in before.items()) > 1e-4


@pytest.mark.slow
def test_nodes_hold_a_copy_each(tmp_path):
    ranks = launch(tmp_path, ["plain"], nodes=2)
    assert_trained_alike(ranks, tmp_path, "plain")
    for results in ranks:
        assert results["plain_sharded"]["held"] == results["plain_ddp"]["held"]


def trainer_with(strategy, fn=TrainerFn.FITTING):
    return SimpleNamespace(trainer=SimpleNamespace(strategy=strategy, state=SimpleNamespace(fn=fn)))


def test_only_a_fit_is_sharded():
    module = trainer_with(ShardedStrategy("gloo"), TrainerFn.PREDICTING)
    assert share_out(module, CopyFirst(), tuning=TuningConfig()) is None
    module = trainer_with(SimpleNamespace())
    assert share_out(module, CopyFirst(), tuning=TuningConfig(compile="all")) is None


@pytest.mark.parametrize(
    ("strategy", "net", "compiled", "message"),
    [
        (ShardedStrategy, CopyFirst, None, "CopyFirst names no units .* overlays/fsdp.yaml"),
        (ShardedStrategy, Sam2, "image_encoder", "model.tuning.compile .* overlays/compile.yaml"),
        (FSDPStrategy, Sam2, None, "FSDPStrategy .* overlays/fsdp.yaml"),
        (ModelParallelStrategy, Sam2, None, "ModelParallelStrategy .* overlays/fsdp.yaml"),
    ],
)
def test_what_cannot_be_sharded_is_refused_in_one_line(strategy, net, compiled, message):
    with pytest.raises(PvuwError, match=message) as caught:
        share_out(trainer_with(strategy()), net(), tuning=TuningConfig(compile=compiled))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("network", [Sam2, Sam3])
def test_units_are_the_blocks_of_the_trunk_and_the_layers_of_memory_attention(network):
    net = network()
    names = dict(net.named_modules())
    units = [names[name] for name in net.shard_units()]
    model = net.model
    assert units == [*model.image_encoder.trunk.blocks, *model.memory_attention.layers]
    inside = [id(p) for unit in units for p in unit.parameters()]
    assert len(inside) == len(set(inside))
    assert CopyFirst().shard_units() == ()


def test_a_whole_network_has_no_weights_of_its_own():
    net = Sam2(image_size=64)
    whole = WholeNetwork(net)
    assert not whole.net.training
    assert sum(p.numel() for p in whole.net.parameters()) == 0
    assert list(whole.net.state_dict()) == list(net.state_dict())
    assert sum(p.numel() for p in net.parameters()) > 1_000_000

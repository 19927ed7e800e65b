"""Exported weights load in the sam2 package; summaries say what a file is."""

import pytest
import torch
from hydra import initialize_config_module
from hydra.core.global_hydra import GlobalHydra
from lightning import Trainer

from lightning_modules import VOSModule
from pvuw import weights
from pvuw.errors import WeightsError
from pvuw.losses.vos_loss import VOSLoss
from pvuw.nets.lora import LoraConfig
from pvuw.nets.sam2 import Sam2
from pvuw.nets.sam2.build import build_sam2_base
from pvuw.nets.tuning import TuningConfig, prepare
from pvuw.weights import export_official, summarize


def save_training(path, net):
    state = {f"net.{name}": weight for name, weight in net.state_dict().items()}
    torch.save({"state_dict": state, "epoch": 2, "global_step": 50}, path)
    return path


def assert_same_weights(first, second):
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


def save_with_lightning(path, net):
    trainer = Trainer(logger=False, enable_checkpointing=False, accelerator="cpu", max_steps=1)
    trainer.strategy.connect(VOSModule(net=net, loss=VOSLoss()))
    trainer.save_checkpoint(path)
    return path


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(5)
    return Sam2(image_size=64)


def test_exported_training_checkpoint_holds_the_official_names(net, tmp_path):
    export_official(save_training(tmp_path / "a.ckpt", net), tmp_path / "out" / "a.pt")
    content = torch.load(tmp_path / "out" / "a.pt", weights_only=True)
    assert content.keys() == {"model"}
    assert_same_weights(content["model"], net.model.state_dict())


def test_a_checkpoint_written_by_lightning(net, tmp_path):
    path = save_with_lightning(tmp_path / "a.ckpt", net)
    assert summarize(path).layout == "training checkpoint, epoch 0, step 0"
    export_official(path, tmp_path / "a.pt")
    content = torch.load(tmp_path / "a.pt", weights_only=True)
    assert_same_weights(content["model"], net.model.state_dict())


def test_exported_file_loads_here(net, tmp_path):
    export_official(save_training(tmp_path / "a.ckpt", net), tmp_path / "a.pt")
    loaded = Sam2(image_size=64, weights=tmp_path / "a.pt")
    assert_same_weights(loaded.official_state_dict(), net.official_state_dict())


def test_exporting_an_official_file_copies_it(net, tmp_path):
    torch.save({"model": net.official_state_dict()}, tmp_path / "a.pt")
    export_official(tmp_path / "a.pt", tmp_path / "b.pt")
    content = torch.load(tmp_path / "b.pt", weights_only=True)
    assert_same_weights(content["model"], net.official_state_dict())


@pytest.mark.parametrize("version", ["2.0", "2.1"])
def test_the_sam2_package_loads_exported_files(tmp_path, version):
    """With its own `build_sam2`, which is strict."""
    torch.manual_seed(1)
    tiny = Sam2("tiny", version=version)
    export_official(save_training(tmp_path / "a.ckpt", tiny), tmp_path / "a.pt")
    folder = "sam2" if version == "2.0" else "sam2.1"
    prefix = "sam2" if version == "2.0" else "sam2.1"
    GlobalHydra.instance().clear()
    with initialize_config_module("sam2", version_base="1.2"):
        from sam2.build_sam import build_sam2

        theirs = build_sam2(
            f"configs/{folder}/{prefix}_hiera_t.yaml", str(tmp_path / "a.pt"), device="cpu"
        )
    assert_same_weights(theirs.state_dict(), tiny.official_state_dict())


def test_a_failed_export_leaves_the_old_file(net, tmp_path, monkeypatch):
    (tmp_path / "out.pt").write_bytes(b"old")
    source = save_training(tmp_path / "a.ckpt", net)

    def full_disk(content, path):
        path.write_bytes(b"half")
        raise OSError("no space left")

    monkeypatch.setattr(weights.torch, "save", full_disk)
    with pytest.raises(OSError, match="space"):
        export_official(source, tmp_path / "out.pt")
    assert (tmp_path / "out.pt").read_bytes() == b"old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.ckpt", "out.pt"]


def save_adapted(path, note):
    """A training checkpoint of a network with adapters that say something."""
    pytest.importorskip("peft", reason="needs the `lora` extra")
    torch.manual_seed(5)
    net = Sam2(image_size=64)
    prepare(net, TuningConfig(lora=LoraConfig(rank=4, alpha=6)))
    for name, parameter in net.named_parameters():
        if ".lora_B." in name:
            torch.nn.init.normal_(parameter, std=0.1)
    save_training(path, net)
    content = torch.load(path, weights_only=True) | {"pvuw": note}
    torch.save(content, path)
    return content["state_dict"]


def test_adapters_are_merged_wherever_a_checkpoint_is_read(net, tmp_path):
    note = {"lora": vars(LoraConfig(rank=4, alpha=6))}
    state = save_adapted(tmp_path / "a.ckpt", note)
    summary = summarize(tmp_path / "a.ckpt")
    assert summary.layout == "training checkpoint, epoch 2, step 50, adapters of rank 4 merged"
    assert summary.network == "SAM 2.1 nano"
    export_official(tmp_path / "a.ckpt", tmp_path / "a.pt")
    exported = torch.load(tmp_path / "a.pt", weights_only=True)["model"]
    assert exported.keys() == net.official_state_dict().keys()
    name = "memory_attention.layers.0.linear1"
    kept, a, b = (
        state[f"net.model.{name}.{part}.weight"]
        for part in ("base_layer", "lora_A.default", "lora_B.default")
    )
    assert torch.equal(exported[f"{name}.weight"], kept + b @ a * 1.5)
    loaded = Sam2(image_size=64, weights=tmp_path / "a.ckpt")
    assert_same_weights(loaded.official_state_dict(), exported)


def test_adapters_of_unknown_scale_are_not_merged(tmp_path):
    save_adapted(tmp_path / "a.ckpt", {})
    with pytest.raises(WeightsError, match=r"a\.ckpt: holds adapters but not their scale"):
        export_official(tmp_path / "a.ckpt", tmp_path / "a.pt")
    assert not (tmp_path / "a.pt").exists()


def test_a_bad_source_writes_nothing(tmp_path):
    with pytest.raises(WeightsError, match="no such file"):
        export_official(tmp_path / "a.ckpt", tmp_path / "out.pt")
    assert list(tmp_path.iterdir()) == []


def test_summary_of_a_training_checkpoint(net, tmp_path):
    summary = summarize(save_training(tmp_path / "a.ckpt", net))
    assert summary.layout == "training checkpoint, epoch 2, step 50"
    assert summary.network == "SAM 2.1 nano"
    assert summary.num_values == sum(w.numel() for w in net.official_state_dict().values())
    assert summary.num_tensors == len(net.official_state_dict())
    assert summary.dtypes == ["float32"]


def test_summary_of_official_weights(tmp_path):
    state = build_sam2_base("tiny", version="2.0").state_dict()
    torch.save({"model": {name: w.bfloat16() for name, w in state.items()}}, tmp_path / "a.pt")
    summary = summarize(tmp_path / "a.pt")
    assert (summary.layout, summary.network) == ("official weights", "SAM 2.0 tiny")
    assert summary.dtypes == ["bfloat16"]


def test_summary_of_something_else(tmp_path):
    torch.save({"model": {"weight": torch.ones(3)}}, tmp_path / "a.pt")
    assert summarize(tmp_path / "a.pt").network == "unknown"

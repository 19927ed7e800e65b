"""W&B offline: configuration, scalars, overlays on the same step axis, two runs in one folder."""

import json

import pytest

from pvuw.cli import main

wandb = pytest.importorskip("wandb")


def history_and_config(run_folder):
    """Rows and configuration of an offline run, read from its own file."""
    from wandb.proto import wandb_internal_pb2
    from wandb.sdk.internal.datastore import DataStore

    store = DataStore()
    store.open_for_scan(str(next(run_folder.glob("*.wandb"))))
    rows, config = [], {}
    while (data := store.scan_data()) is not None:
        record = wandb_internal_pb2.Record()
        record.ParseFromString(data)
        if record.WhichOneof("record_type") == "history":
            rows.append(
                {
                    (item.key or "/".join(item.nested_key)): json.loads(item.value_json)
                    for item in record.history.item
                }
            )
        for update in record.config.update:
            config[update.key or "/".join(update.nested_key)] = json.loads(update.value_json)
    return rows, config


@pytest.fixture
def offline(monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    yield
    wandb.finish()


def test_offline_run_has_config_scalars_and_aligned_overlays(nano, tmp_path, offline):
    out = tmp_path / "run"
    arguments = nano("fit", "--out", out, "--trainer.max_epochs", 2)
    arguments += ["--trainer.logger", "WandbLogger", "--wandb_panels.num_videos", "1"]
    assert main(arguments) == 0
    wandb.finish()
    runs = sorted((out / "wandb").glob("offline-run-*"))
    assert len(runs) == 1
    rows, config = history_and_config(runs[0])
    assert config["model"]["class_path"].endswith("VOSModule")
    assert config["trainer"]["max_epochs"] == 2
    steps = [row["trainer/global_step"] for row in rows if "train/loss" in row]
    assert steps == sorted(steps)
    assert any("val/jf" in row for row in rows)
    overlays = [row for row in rows if "val/overlays" in row]
    assert [row["trainer/global_step"] for row in overlays] == [3, 6]  # 3 steps an epoch
    panel = overlays[-1]["val/overlays"]
    assert panel["count"] == 3
    assert set(panel["all_masks"][0]) == {"prediction", "ground_truth"}
    for name in panel["filenames"]:
        assert (runs[0] / "files" / name).is_file()

    assert main(arguments) == 0
    wandb.finish()
    assert len(list((out / "wandb").glob("offline-run-*"))) == 2


def test_without_wandb_logger_nothing_of_wandb_runs(nano, tmp_path, monkeypatch):
    monkeypatch.setattr(wandb, "init", lambda *a, **k: pytest.fail("wandb.init was called"))
    monkeypatch.setattr(wandb, "Image", lambda *a, **k: pytest.fail("wandb.Image was called"))
    assert main(nano("fit", "--out", tmp_path / "run", "--trainer.max_epochs", 1)) == 0

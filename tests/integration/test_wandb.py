"""W&B offline: configuration, scalars, overlays on the same step axis, two runs in one folder."""

import json
import os
import struct
import subprocess
import sys

import pytest

from pvuw.cli import main

wandb = pytest.importorskip("wandb")


BLOCK, HEADER = 32768, 7
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4


def records(path):
    """Records of a `.wandb` file: LevelDB's log format, whose first block starts with a header."""
    content = path.read_bytes()
    assert content.startswith(b":W&B")
    position, parts = HEADER, []
    while position + HEADER <= len(content):
        if BLOCK - position % BLOCK < HEADER:  # the rest of a block is too small for a record
            position += BLOCK - position % BLOCK
            continue
        _, length, kind = struct.unpack("<IHB", content[position : position + HEADER])
        parts.append(content[position + HEADER : position + HEADER + length])
        position += HEADER + length
        if kind in (FULL, LAST):
            yield b"".join(parts)
            parts = []


def history_and_config(run_folder):
    """Rows and configuration of an offline run, read from its own file."""
    from wandb.proto.wandb_internal_pb2 import Record

    rows, config = [], {}
    for data in records(next(run_folder.glob("*.wandb"))):
        record = Record.FromString(data)
        if record.WhichOneof("record_type") == "history":
            items = record.history.item
            rows.append({"/".join(i.nested_key) or i.key: json.loads(i.value_json) for i in items})
        for update in [*record.config.update, *record.run.config.update]:
            name = "/".join(update.nested_key) or update.key
            config[name] = json.loads(update.value_json)
    return rows, config


def fit_offline(arguments):
    """Run as a user would: the process ends, and with it W&B's writing in the background."""
    environment = os.environ | {"WANDB_MODE": "offline", "WANDB_SILENT": "true"}
    command = [sys.executable, "-m", "pvuw", *arguments]
    subprocess.run(command, check=True, env=environment, capture_output=True)


def test_offline_run_has_config_scalars_and_aligned_overlays(nano, tmp_path):
    out = tmp_path / "run"
    arguments = nano("fit", "--out", out, "--trainer.max_epochs", 2)
    arguments += ["--trainer.logger", "WandbLogger", "--wandb_panels.num_videos", "1"]
    fit_offline(arguments)
    runs = sorted((out / "wandb").glob("offline-run-*"))
    assert len(runs) == 1
    rows, config = history_and_config(runs[0])
    assert config["model"]["class_path"].endswith("VOSModule")
    assert config["trainer"]["max_epochs"] == 2
    steps = [row["trainer/global_step"] for row in rows if "train/loss" in row]
    assert steps == sorted(steps)
    assert any("val/jf" in row for row in rows)
    overlays = [row for row in rows if "val/overlays/count" in row]
    assert [row["trainer/global_step"] for row in overlays] == [3, 6]  # 3 steps an epoch
    assert overlays[-1]["val/overlays/count"] == 3
    masks = overlays[-1]["val/overlays/all_masks"]
    assert [set(panel) for panel in masks] == [{"prediction", "ground_truth"}] * 3
    pictures = overlays[-1]["val/overlays/filenames"]
    layers = [layer["path"] for panel in masks for layer in panel.values()]
    for name in [*pictures, *layers]:
        assert (runs[0] / "files" / name).is_file()

    fit_offline(arguments)
    assert len(list((out / "wandb").glob("offline-run-*"))) == 2


def test_without_wandb_logger_nothing_of_wandb_runs(nano, tmp_path, monkeypatch):
    monkeypatch.setattr(wandb, "init", lambda *a, **k: pytest.fail("wandb.init was called"))
    monkeypatch.setattr(wandb, "Image", lambda *a, **k: pytest.fail("wandb.Image was called"))
    assert main(nano("fit", "--out", tmp_path / "run", "--trainer.max_epochs", 1)) == 0

"""W&B offline: configuration, scalars, overlays on the same step axis, two runs in one folder."""

import json
import os
import signal
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from pvuw.cli import main

wandb = pytest.importorskip("wandb")


ROOT = Path(__file__).parents[2]
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


def parsed_records(run_folder):
    from wandb.proto.wandb_internal_pb2 import Record

    return [Record.FromString(data) for data in records(next(run_folder.glob("*.wandb")))]


def history_and_config(run_folder):
    """Rows and configuration of an offline run, read from its own file."""
    rows, config = [], {}
    for record in parsed_records(run_folder):
        if record.WhichOneof("record_type") == "history":
            items = record.history.item
            rows.append({"/".join(i.nested_key) or i.key: json.loads(i.value_json) for i in items})
        for update in [*record.config.update, *record.run.config.update]:
            name = "/".join(update.nested_key) or update.key
            config[name] = json.loads(update.value_json)
    return rows, config


def fit_offline(arguments, *, returncode=0):
    """Run as a user would: the process ends, and with it W&B's writing in the background."""
    environment = os.environ | {
        "WANDB_MODE": "offline",
        "WANDB_SILENT": "true",
        "WANDB_DATA_DIR": str(Path.cwd() / "wandb_data"),  # the test's own folder
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-m", "pvuw", *arguments]
    done = subprocess.run(
        command, env=environment, capture_output=True, start_new_session=True, check=False
    )
    assert done.returncode == returncode, done.stderr.decode()[-2000:]


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

    fit_offline(arguments, returncode=2)  # the folder holds a run that this would replace
    assert sorted((out / "wandb").glob("offline-run-*")) == runs


@pytest.mark.slow
def test_killed_run_continues_under_its_id_and_keeps_its_checkpoints(nano, tmp_path):
    out = tmp_path / "run"
    arguments = nano("fit", "--out", out, "--trainer.max_epochs", 2, "--baseline", "true")
    arguments += ["--trainer.logger", "WandbLogger", "--last_checkpoint.every_n_train_steps", "1"]
    power_cut = ["--trainer.callbacks+=tests.helpers.killer.Killer",
                 "--trainer.callbacks.before_step", "4"]  # fmt: skip
    fit_offline([*arguments, *power_cut], returncode=-signal.SIGKILL)
    fit_offline([*arguments, "--ckpt_path", "last"])
    killed, continued = sorted((out / "wandb").glob("offline-run-*"))
    run_id = killed.name.rsplit("-", 1)[1]
    assert continued.name.endswith(f"-{run_id}")
    assert "id: null" in (out / "config.yaml").read_text(), "a fit from it is a run of its own"

    rows, _ = history_and_config(continued)
    assert [row["trainer/global_step"] for row in rows if "train/loss" in row] == [4, 5]
    validated = next(row for row in rows if "val/jf" in row)
    assert "val/jf_gain" in validated, "the baseline came with the checkpoint"
    table_row = next(row for row in rows if any("val/worst_clips" in key for key in row))
    table_path = next(v for k, v in table_row.items() if k == "val/worst_clips/path")
    table = json.loads((continued / "files" / table_path).read_text())
    assert table["columns"][:2] == ["video", "J&F"]
    scores = [row[1] for row in table["data"]]
    assert scores == sorted(scores)
    assert len(scores) == 2
    # The pictures of a table travel in an artifact that W&B makes of it.
    artifacts = [r.artifact for r in parsed_records(continued) if r.HasField("artifact")]
    shown = [entry for a in artifacts if a.type == "run_table" for entry in a.manifest.contents]
    pictures = [Path(e.local_path) for e in shown if e.path.endswith(".jpg")]
    assert len(pictures) == 2
    assert all(picture.is_file() for picture in pictures)

    models = {json.loads(a.metadata)["checkpoint"]: a for a in artifacts if a.type == "model"}
    assert set(models) == {"best", "last"}
    for kind, artifact in models.items():
        assert artifact.name == f"model-{run_id}"
        assert kind in artifact.aliases
        (entry,) = artifact.manifest.contents
        name = f"{kind}.ckpt"
        assert entry.path == name
        assert Path(entry.local_path).stat().st_size == (out / "checkpoints" / name).stat().st_size


def test_without_wandb_logger_nothing_of_wandb_runs(nano, tmp_path, monkeypatch):
    monkeypatch.setattr(wandb, "init", lambda *a, **k: pytest.fail("wandb.init was called"))
    monkeypatch.setattr(wandb, "Image", lambda *a, **k: pytest.fail("wandb.Image was called"))
    assert main(nano("fit", "--out", tmp_path / "run", "--trainer.max_epochs", 1)) == 0

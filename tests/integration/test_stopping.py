"""Runs that are told to stop: soon, with a status that says so, leaving nothing half-written."""

import shutil
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import torch

from pvuw.mose_plus.build.build import WORK
from pvuw.mose_plus.build.manifest import MANIFEST
from tests.helpers.long_video import write_long_video
from tests.helpers.processes import environment, family, wait_until
from tests.pvuw.mose_plus.build_make import settings, write_sources

LONG = 1500
COPY = ("--config", "mose/copy_first.yaml", "--trainer.accelerator", "cpu")
SIGNALS = [(signal.SIGTERM, 143), (signal.SIGINT, 130)]


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """A short video and two long ones, with truth."""
    root = tmp_path_factory.mktemp("stopping")
    for name, frames in (("a", LONG), ("b", LONG), ("short", 3)):
        write_long_video(root, name, frames, truth=True)
    return root


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """Settings of a build from small sources; the second video is a long one."""
    root = write_sources(tmp_path_factory.mktemp("sources"), mose=("0a", "0b"), lvos=("0c",))
    for kind, suffix in (("JPEGImages", "jpg"), ("Annotations", "png")):
        first = root / "mose" / "train" / kind / "0b" / f"00000.{suffix}"
        for number in range(len(list(first.parent.iterdir())), LONG):
            first.with_name(f"{number:05d}.{suffix}").hardlink_to(first)
    return settings(root)


def hidden(folder):
    return sorted(p.name for p in folder.rglob(".*")) if folder.exists() else []


def is_at(out, name):
    """Whether a prediction is in the middle of a video."""
    return len(list((out / "Annotations" / f".{name}.partial").glob("*.png"))) > 20


def stop(run, signum, *ranks):
    """Send a signal; what became of the processes, which had no time for a whole video."""
    run.kill(signum, *ranks)
    return run.ended()


@pytest.mark.parametrize(("signum", "status"), SIGNALS)
def test_prediction_stops_within_a_video_and_goes_on(signum, status, videos, processes, tmp_path):
    out = tmp_path / "out"
    words = ("predict", *COPY, "--data.root", videos, "--out", out)
    run = processes.start(*words, folder=tmp_path / "first", count=1)
    wait_until(partial(is_at, out, "a"))
    (ended,) = stop(run, signum)
    assert ended.status == status
    assert f"pvuw: stopped by {signum.name}" in ended.err.splitlines()
    assert "Traceback" not in ended.err
    assert hidden(out) == []
    assert not (out / "Annotations" / "a").exists()
    if signum == signal.SIGTERM:
        shutil.copytree(videos / "valid/GroundTruth/b", out / "Annotations" / "b")  # as if done
        (again,) = processes.run(*words, folder=tmp_path / "again", count=1)
        assert again.status == 0
        assert len(list((out / "Annotations" / "a").iterdir())) == LONG


COMMANDS = {
    "evaluate": lambda truth, out: (
        "evaluate",
        "--gt",
        truth,
        "--pred",
        truth,
        "--protocol",
        "mose",
    ),
    "fuse": lambda truth, out: ("ensemble", "fuse", "--pred", truth, "--out", out),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_with_workers_stop_within_a_video(command, videos, processes, tmp_path):
    out = tmp_path / "out"
    words = COMMANDS[command](videos / "valid" / "GroundTruth", out)
    run = processes.start(*words, "--workers", 2, folder=tmp_path / "run", count=1)
    wait_until(lambda: len(family(run.pids[0])) > 3)  # itself, its helper and two workers
    (ended,) = stop(run, signal.SIGTERM)
    assert ended.status == 143, ended.err
    assert "pvuw: stopped by SIGTERM" in ended.err.splitlines()
    assert "Traceback" not in ended.err
    assert hidden(out) == []


RECIPE = """
method: vote
members:
  one: {config: mose/copy_first.yaml, args: [--trainer.accelerator, cpu, --trainer.devices, '2']}
"""


@pytest.mark.slow
def test_an_ensemble_of_a_member_on_two_devices_stops_as_one(videos, tmp_path):
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    valid, out = videos / "valid", tmp_path / "out"
    words = ("ensemble", "--config", "recipe.yaml", "--images", valid / "JPEGImages", "--masks",
             valid / "Annotations", "--out", out)  # fmt: skip
    with (tmp_path / "said").open("w") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "pvuw", *map(str, words)],
            env=environment(), cwd=tmp_path, stderr=said,
        )  # fmt: skip
    wait_until(lambda: any(is_at(folder, "a") for folder in (out / "members").glob("one-*")))
    started = family(process.pid)
    # The member and its second process, and none that would run the ensemble again.
    assert sorted(command[3] for command in started.values()) == ["ensemble", "predict", "predict"]
    process.terminate()
    assert process.wait(300) == 143
    assert (tmp_path / "said").read_text().splitlines()[-1] == "pvuw: stopped by SIGTERM"
    wait_until(lambda: not any(Path("/proc", str(pid)).exists() for pid in started))
    assert hidden(out) == []


def test_validation_stops_within_a_video(videos, processes, tmp_path):
    out = tmp_path / "out"
    words = ("validate", *COPY, "--data.root", videos, "--out", out)
    run = processes.start(*words, folder=tmp_path / "run", count=1)
    wait_until(lambda: "J&F on a" in run.said())
    (ended,) = stop(run, signal.SIGTERM)
    assert ended.status == 143
    assert "pvuw: stopped by SIGTERM" in ended.err.splitlines()
    assert "Traceback" not in ended.err


def files_of(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*.*") if p.is_file()}


@pytest.mark.parametrize(("signum", "status"), SIGNALS)
def test_a_build_of_mose_plus_stops_within_a_video_and_goes_on(
    signum, status, sources, processes, tmp_path
):
    """As a whole one in the end; what was begun in the middle of a video is not left."""
    out = tmp_path / "MOSE+"
    words = (
        "mose-plus",
        "--config",
        sources,
        "--workers",
        1,
        "--cache",
        tmp_path / "cache",
        "--out",
    )
    run = processes.start(*words, out, folder=tmp_path / "run", count=1)
    half = out / WORK / "half"
    wait_until(lambda: len(list(half.glob("0b/*/*"))) > 20)
    (ended,) = stop(run, signum)
    assert ended.status == status, ended.err
    assert f"pvuw: stopped by {signum.name}" in ended.err.splitlines()
    assert "Traceback" not in ended.err
    assert list(half.rglob("*")) == []
    assert [p.name for p in (out / "train" / "JPEGImages").iterdir()] == ["0a"]
    assert not (out / MANIFEST).exists()
    if signum == signal.SIGTERM:
        for folder in (out, tmp_path / "whole"):
            (again,) = processes.run(
                *words, folder, folder=tmp_path / f"{folder.name} run", count=1
            )
            assert again.status == 0, again.err
        assert hidden(out) == []
        assert files_of(out) == files_of(tmp_path / "whole")


FIT = ("--trainer.max_epochs", 50, "--last_checkpoint.every_n_train_steps", 2,
       "--trainer.limit_val_batches", 0, "--data.num_workers", 0)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 2])
def test_training_stops_and_its_last_checkpoint_goes_on(count, nano, processes, tmp_path):
    out, last = tmp_path / "out", tmp_path / "out" / "checkpoints" / "last.ckpt"
    words = nano("fit", *FIT, "--out", out)
    run = processes.start(*words, folder=tmp_path / "run", count=count)
    wait_until(last.exists)
    for ended in stop(run, signal.SIGTERM):
        assert ended.status == 143
        assert "Traceback" not in ended.err
    assert hidden(out) == []
    saved = torch.load(last, weights_only=False)
    assert saved["global_step"] >= 1
    more = ("--ckpt_path", last, "--trainer.max_epochs", -1, "--trainer.max_steps")
    steps = saved["global_step"] + 1
    for ended in processes.run(*words, *more, steps, folder=tmp_path / "more", count=count):
        assert ended.status == 0, ended.err
    assert torch.load(last, weights_only=False)["global_step"] == steps

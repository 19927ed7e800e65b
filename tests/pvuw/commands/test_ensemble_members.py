"""`pvuw ensemble --config`: members run once, each video once, whatever happens in between."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from pvuw.cli import main
from pvuw.commands.ensemble_members import MemberRun, MemberRunner, list_inputs, member_hash
from pvuw.ensemble.recipe import EnsembleRecipe, MemberRecipe, read_recipe
from pvuw.errors import PvuwError
from pvuw.io.masks import read_id_map
from tests.helpers.synthetic import write_video
from tests.pvuw.ensemble.scenes_of_squares import video, write

CPU = "--trainer.accelerator, cpu, --trainer.devices, '1'"
RECIPE = f"""\
# Two copies of the first mask; the seed only gives them names of their own.
method: fuse
members:
  one: {{config: mose/copy_first.yaml, args: [{CPU}, --seed_everything, '1']}}
  two: {{config: mose/copy_first.yaml, args: [{CPU}, --seed_everything, '2']}}
"""


@pytest.fixture
def data(tmp_path):
    """Two videos of eight frames with masks for their first ones."""
    for video_id in ("v1", "v2"):
        write_video(tmp_path / "data", video_id, annotated=(0,))
    return tmp_path / "data"


def words(data, recipe="recipe.yaml", out="out"):
    argv = ["ensemble", "--config", recipe, "--images", data / "JPEGImages"]
    return [*map(str, [*argv, "--masks", data / "Annotations", "--out", out, "--workers", 1])]


class Fake(MemberRunner):
    """Writes masks itself instead of starting processes; knows how often it was asked."""

    def __init__(self, recipe, root, *, fails=()):
        super().__init__(recipe, root, images=Path("images"), masks=Path("masks"))
        self.fails = fails
        self.asked = []

    def _predict(self, run: MemberRun, videos, device):
        self.asked.append((run.recipe.name, tuple(self._missing(run.folder, videos)), device))
        if run.recipe.name in self.fails:
            (run.folder / "log.txt").write_text("hello\npvuw: error: no such weights\nbye\n")
            return 2
        for video_id in videos:
            write(run.folder / "Annotations", video_id, video()[:2])
        return 0


def recipe_of(*names, **more):
    members = [MemberRecipe(name, "mose/copy_first.yaml", args=[name]) for name in names]
    return EnsembleRecipe(members, probabilities=False, **more)


def test_finished_members_are_not_run_again(tmp_path):
    recipe = recipe_of("a", "b")
    assert [r.reused for r in Fake(recipe, tmp_path).run({"v": "1"})] == [False, False]
    again = Fake(recipe, tmp_path)
    assert [r.reused for r in again.run({"v": "1"})] == [True, True]
    assert again.asked == []


def test_new_and_changed_videos_are_run_and_only_those(tmp_path):
    recipe = recipe_of("a")
    (run,) = Fake(recipe, tmp_path).run({"v": "1", "w": "1"})
    more = Fake(recipe, tmp_path)
    more.run({"v": "changed", "w": "1", "x": "1"})
    assert more.asked == [("a", ("v", "x"), None)]
    assert json.loads((run.folder / "videos.json").read_text())["v"] == "changed"


def test_a_failing_member_is_reported_and_tried_again(tmp_path):
    recipe = recipe_of("a", "b")
    good, bad = Fake(recipe, tmp_path, fails=["b"]).run({"v": "1"})
    assert good.problem is None
    assert "1 of 1 videos missing, exit status 2: pvuw: error: no such weights" in bad.problem
    again = Fake(recipe, tmp_path)
    assert [r.problem for r in again.run({"v": "1"})] == [None, None]
    assert [name for name, *_ in again.asked] == ["b"]


def test_members_are_shared_out_over_devices(tmp_path):
    runner = Fake(recipe_of("a", "b", "c"), tmp_path)
    runs = runner.run({"v": "1"}, devices=["0", "1"])
    assert [run.recipe.name for run in runs] == ["a", "b", "c"]
    assert {device for *_, device in runner.asked} <= {"0", "1"}


def test_the_hash_follows_what_decides_the_masks(tmp_path):
    weights = tmp_path / "w.pt"
    weights.write_bytes(b"1")
    member = MemberRecipe("a", "mose/copy_first.yaml", weights=str(weights))
    first = member_hash(member)
    moved = weights.rename(tmp_path / "elsewhere.pt")
    assert member_hash(MemberRecipe("b", member.config, weights=str(moved))) == first
    moved.write_bytes(b"2")
    assert member_hash(MemberRecipe("a", member.config, weights=str(moved))) != first
    assert member_hash(MemberRecipe("a", member.config)) != first
    with pytest.raises(PvuwError, match=r"weights .*w\.pt: no such file; give --weights a=FILE"):
        member_hash(member)


def test_videos_are_known_by_their_masks_and_frames(data, capsys):
    inputs = (data / "JPEGImages", data / "Annotations")
    before = list_inputs(*inputs)
    write(data / "Annotations", "v1", np.zeros((1, 48, 64), np.uint8))
    after = list_inputs(*inputs)
    assert before.keys() == after.keys() == {"v1", "v2"}
    assert (before["v1"] != after["v1"], before["v2"] == after["v2"]) == (True, True)
    (data / "Annotations" / "v2" / "00000.png").unlink()
    assert list_inputs(*inputs).keys() == {"v1"}
    assert "pvuw: left out: v2: no annotation mask" in capsys.readouterr().err


@pytest.mark.slow
def test_a_member_that_cannot_start_is_left_out(data, capsys):
    Path("recipe.yaml").write_text(
        RECIPE + "  lost: {config: mose/copy_first.yaml, weights: lost.pt}\n"
        "  strange: {config: mose/copy_first.yaml, args: [--model.net.strange, '1']}\n"
    )
    assert main(words(data)) == 1
    shown = capsys.readouterr()
    assert "pvuw: member lost: weights lost.pt: no such file" in shown.err
    assert "pvuw: member strange: 2 of 2 videos missing, exit status 2" in shown.err
    assert "member one: out/members/one-" in shown.out
    assert "2 videos written" in shown.out
    first = read_id_map(data / "Annotations" / "v1" / "00000.png")
    answers = sorted(Path("out/Annotations/v1").iterdir())
    assert len(answers) == 8
    assert all(np.array_equal(read_id_map(path), first) for path in answers)


@pytest.mark.slow
def test_killed_in_the_middle_it_goes_on_without_repeating_a_member(data):
    Path("recipe.yaml").write_text(RECIPE)
    members = Path("out/members")
    process = subprocess.Popen([sys.executable, "-m", "pvuw", *words(data)], env=os.environ.copy())
    deadline = time.monotonic() + 30
    # Kill it once the first member is done and the second one is on its way.
    while not list(members.glob("two-*/log.txt")):
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < deadline, "the second member never began"
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    (one,) = members.glob("one-*")
    kept = {p: p.stat().st_mtime_ns for p in (one / "Annotations").rglob("*.png")}
    assert len(kept) == 16
    log = (one / "log.txt").stat().st_mtime_ns
    assert main(words(data)) == 0
    assert {p: p.stat().st_mtime_ns for p in (one / "Annotations").rglob("*.png")} == kept
    assert (one / "log.txt").stat().st_mtime_ns == log
    assert len(list(Path("out/Annotations").rglob("*.png"))) == 16
    assert len(read_recipe(Path("recipe.yaml")).members) == len(list(members.iterdir()))

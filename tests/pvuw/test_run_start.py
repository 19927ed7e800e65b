from pathlib import Path

import pytest

from pvuw.errors import PvuwError
from pvuw.run_start import StartFrom, refuse_other_run, resolve_checkpoint, weights_of_run


def test_best_checkpoint_of_the_other_run(tmp_path):
    best = tmp_path / "stage1" / "checkpoints" / "best.ckpt"
    best.parent.mkdir(parents=True)
    best.touch()
    assert weights_of_run(StartFrom(tmp_path / "stage1"), root=None) == best
    assert weights_of_run(StartFrom(None, "fvos/stage1.yaml"), root=None) is None


def test_last_checkpoint_on_request(tmp_path):
    last = tmp_path / "checkpoints" / "last.ckpt"
    last.parent.mkdir()
    last.touch()
    assert weights_of_run(StartFrom(tmp_path, checkpoint="last"), root=None) == last
    last.unlink()
    with pytest.raises(PvuwError, match=r"no .*/last\.ckpt to start from"):
        weights_of_run(StartFrom(tmp_path, checkpoint="last"), root=None)


def test_missing_run_says_where_it_looked_and_how_to_make_it(tmp_path):
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "last.ckpt").touch()
    with pytest.raises(PvuwError) as error:
        weights_of_run(StartFrom(tmp_path, "fvos/stage1.yaml"), root=Path("data/MOSE"))
    line = str(error.value)
    assert len(line.splitlines()) == 1
    assert f"no {tmp_path}/checkpoints/best.ckpt" in line
    assert "holds last.ckpt" in line
    assert f"pvuw fit --config fvos/stage1.yaml --data.root data/MOSE --out {tmp_path}" in line


def test_without_a_recipe_there_is_no_command(tmp_path):
    with pytest.raises(PvuwError, match=r"holds no checkpoint; name another run"):
        weights_of_run(StartFrom(tmp_path), root=None)


# A folder that holds a run.


def holding(folder, *names):
    (folder / "checkpoints").mkdir(parents=True)
    for name in names:
        (folder / "checkpoints" / name).touch()
    return folder


@pytest.mark.parametrize(
    ("names", "way_out"),
    [
        (["best.ckpt"], "--ckpt_path best,"),
        (["best.ckpt", "last.ckpt"], "--ckpt_path last,"),
        (["epoch=3.ckpt"], "epoch=3.ckpt, or name a new folder with --out"),
    ],
)
def test_a_folder_with_another_run_is_refused(tmp_path, names, way_out):
    out = holding(tmp_path / "run", *names)
    with pytest.raises(PvuwError) as error:
        refuse_other_run(out, None)
    line = str(error.value)
    assert line.startswith(f"--out {out}: holds another run")
    assert all(name in line for name in names)
    assert way_out in line
    assert "\n" not in line


def test_the_run_that_is_continued_is_its_own(tmp_path, monkeypatch):
    out = holding(tmp_path / "run", "last.ckpt")
    refuse_other_run(out, str(out / "checkpoints" / "last.ckpt"))
    monkeypatch.chdir(tmp_path)
    refuse_other_run(Path("run"), str(out / "checkpoints" / "last.ckpt"))
    refuse_other_run(Path("./run/"), "run/checkpoints/last.ckpt")


def test_going_on_from_another_run_needs_a_folder_of_its_own(tmp_path):
    mine, theirs = (holding(tmp_path / name, "last.ckpt") for name in ("mine", "theirs"))
    with pytest.raises(PvuwError, match="holds another run"):
        refuse_other_run(mine, str(theirs / "checkpoints" / "last.ckpt"))
    refuse_other_run(tmp_path / "new", str(theirs / "checkpoints" / "last.ckpt"))


def test_a_folder_without_checkpoints_is_free(tmp_path):
    refuse_other_run(tmp_path / "new", None)
    refuse_other_run(holding(tmp_path / "empty"), None)
    (tmp_path / "empty" / "config.yaml").touch()
    refuse_other_run(tmp_path / "empty", None)


def test_a_folder_in_place_of_a_checkpoint_says_what_is_in_it(tmp_path):
    out = holding(tmp_path / "run", "best.ckpt")
    with pytest.raises(PvuwError, match=r"a folder; name a file, .*checkpoints holds best\.ckpt"):
        resolve_checkpoint(str(out), tmp_path, command="predict")

from pathlib import Path

import pytest

from pvuw.errors import PvuwError
from pvuw.run_start import StartFrom, weights_of_run


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

import json
import shutil
import zipfile

import numpy as np
import pytest
from PIL import Image

from pvuw.cli import main
from pvuw.io.masks import read_id_map
from tests.pvuw.submit.make import write_data


def run(root, out, *options, pred="run"):
    words = ["--pred", root / pred, "--images", root / "valid/JPEGImages", "--out", out]
    return main(["submit", *map(str, [*words, "--format", "mose", "--workers", 1, *options])])


def test_right_folder_becomes_zip_and_manifest(tmp_path, capsys):
    write_data(tmp_path)
    (tmp_path / "run" / "predict.yaml").write_text("ckpt_path: null\n")
    out = tmp_path / "out" / "nano.zip"
    assert run(tmp_path, out) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{out}: {out.stat().st_size:,} bytes, mose"
    assert lines[1].endswith(f"made with {tmp_path / 'run' / 'predict.yaml'}")
    assert lines[-1] == "2 videos, 10 masks, 3 objects"
    with zipfile.ZipFile(out) as archive:
        assert archive.namelist()[0] == "ball/00000.png"
    assert json.loads((out.parent / "nano.manifest.json").read_text())["videos"] == 2
    assert sorted(file.name for file in out.parent.iterdir()) == ["nano.manifest.json", "nano.zip"]
    first = out.read_bytes(), (out.parent / "nano.manifest.json").read_bytes()
    assert run(tmp_path, out) == 0
    assert (out.read_bytes(), (out.parent / "nano.manifest.json").read_bytes()) == first


def test_every_problem_is_printed_and_nothing_written(tmp_path, capsys):
    _, pred = write_data(tmp_path)
    (pred / "ball/00001.png").unlink()
    (pred / "cats/00001.png").write_bytes(b"")
    out = tmp_path / "out" / "nano.zip"
    assert run(tmp_path, out) == 2
    output = capsys.readouterr()
    lines = output.err.splitlines()
    assert lines[0].startswith(f"pvuw: error: {pred / 'ball/00001.png'}: no such file")
    assert lines[1].startswith(f"pvuw: error: {pred / 'cats/00001.png'}: empty file")
    assert lines[2:] == ["pvuw: 2 problems, so nothing was written"]
    assert output.out == ""
    assert not out.parent.exists()


def test_videos_can_be_named(tmp_path, capsys):
    _, pred = write_data(tmp_path)
    (tmp_path / "list.txt").write_text("ball\n")
    assert run(tmp_path, tmp_path / "a.zip", "--videos", tmp_path / "list.txt") == 2
    assert f"{pred / 'cats'}: no such video" in capsys.readouterr().err


def test_empty_prediction_folder_is_one_line(tmp_path, capsys):
    write_data(tmp_path)
    (tmp_path / "nothing").mkdir()
    assert run(tmp_path, tmp_path / "a.zip", pred="nothing") == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "nothing: no PNG masks" in error


def test_unusable_options_are_one_line(tmp_path, capsys):
    write_data(tmp_path)
    assert run(tmp_path, tmp_path / "a.tar") == 2
    assert "a.tar: must end in .zip" in capsys.readouterr().err
    (tmp_path / "valid/Annotations").rename(tmp_path / "valid/Masks")
    assert run(tmp_path, tmp_path / "a.zip") == 2
    assert "name their folder with --annotations" in capsys.readouterr().err
    assert run(tmp_path, tmp_path / "a.zip", "--annotations", tmp_path / "valid/Masks") == 0


@pytest.mark.parametrize(
    "place", ["pvuw.submit.manifest.build_manifest", "zipfile.ZipFile.writestr"]
)
def test_failure_while_writing_leaves_nothing(tmp_path, monkeypatch, capsys, place):
    write_data(tmp_path)

    def full(*args, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(place, full)
    assert run(tmp_path, tmp_path / "out" / "a.zip") == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "a.zip: cannot be written (No space left on device)" in error
    assert list((tmp_path / "out").iterdir()) == []


def test_answers_to_sentences_become_black_and_white(tmp_path, capsys):
    write_data(tmp_path)
    shutil.rmtree(tmp_path / "valid" / "Annotations")  # nobody gives first-frame masks here
    asked = {"ball": {"0": {"exp": "it rolls"}}, "cats": {"0": {"exp": "a"}, "10": {"exp": "b"}}}
    said = {"videos": {v: {"frames": [], "expressions": e} for v, e in asked.items()}}
    (tmp_path / "valid" / "meta_expressions.json").write_text(json.dumps(said))
    for query in ("ball/0", "cats/0", "cats/10"):
        shutil.copytree(
            tmp_path / "run/Annotations" / query.split("/")[0], tmp_path / "said" / query
        )
    out = tmp_path / "said.zip"
    assert run(tmp_path, out, "--format", "mevis", pred="said") == 0
    assert capsys.readouterr().out.splitlines()[-1] == "2 videos, 3 expressions, 15 masks"
    with zipfile.ZipFile(out) as archive:
        assert archive.namelist()[5] == "cats/0/00000.png"
        with Image.open(archive.open("cats/10/00002.png")) as image:
            assert image.mode == "L"
            target = np.array(image)
    ids = read_id_map(tmp_path / "run/Annotations/cats/00002.png")
    assert np.array_equal(target, np.where(ids != 0, 255, 0))
    shutil.rmtree(tmp_path / "said" / "cats" / "10")
    (tmp_path / "said" / "cats" / "7").mkdir()
    shutil.copy(tmp_path / "run/Annotations/cats/00000.png", tmp_path / "said/cats/7/00000.png")
    assert run(tmp_path, out, "--format", "mevis", pred="said") == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].endswith("said/cats/10: no such folder; predict this expression too")
    assert "said/cats/7: no such expression among the sentences" in lines[1]


def test_answers_to_sentences_are_no_answers_about_videos(tmp_path, capsys):
    write_data(tmp_path)
    shutil.copytree(
        tmp_path / "run/Annotations/cats", tmp_path / "said" / "Annotations" / "cats" / "0"
    )
    assert run(tmp_path, tmp_path / "out.zip", pred="said") == 2
    assert "holds cats/0, but <video>/<frame>.png is expected" in capsys.readouterr().err

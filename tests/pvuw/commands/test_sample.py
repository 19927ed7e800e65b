import argparse
import subprocess
import sys

import pytest

from pvuw import cli
from pvuw.commands import sample
from pvuw.errors import DataError
from pvuw.sample.manifest import SampleSpec, read_manifest

SMALL = ["--videos", "1", "--valid", "2", "--frames", "2", "--size", "48", "80", "--workers", "1"]


def test_defaults_are_those_of_the_library():
    parser = argparse.ArgumentParser()
    sample.add_arguments(parser)
    args = parser.parse_args(["x"])
    height, width = args.size
    spec = SampleSpec(args.videos, args.valid, args.frames, (height, width), args.seed)
    assert spec == SampleSpec()
    assert args.workers >= 1


def test_it_writes_and_says_what_is_there_and_what_to_do_next(tmp_path, capsys):
    out = tmp_path / "data"
    assert cli.main(["sample", str(out), *SMALL, "--seed", "4"]) == 0
    manifest = read_manifest(out)
    assert manifest.spec == SampleSpec(1, 2, 2, (48, 80), 4)
    text = capsys.readouterr().out
    objects = [len(video.object_ids) for video in manifest.videos]
    assert f"{out / 'train'}  1 video, {objects[0]} objects" in text
    assert f"{out / 'valid'}  2 videos, {sum(objects[1:])} objects" in text
    assert text.splitlines()[-1].startswith("next: pvuw fit --config mose/sam2_nano.yaml")

    assert cli.main(["sample", str(out), *SMALL, "--seed", "4"]) == 0
    assert "already holds this sample" in capsys.readouterr().out


def test_sentences_are_counted_by_kind(tmp_path, capsys):
    out = tmp_path / "data"
    assert cli.main(["sample", str(out), *SMALL, "--frames", "8", "--expressions"]) == 0
    manifest = read_manifest(out)
    assert manifest.spec == SampleSpec(1, 2, 8, (48, 80), scenes="told", expressions=True)
    text = capsys.readouterr().out
    assert f"{out / 'train'}  1 video, {sum(manifest.sentences['train'].values())} sent" in text
    assert (
        f"{out / 'valid_u'}  2 videos, {sum(manifest.sentences['valid_u'].values())} sent" in text
    )


def test_a_folder_in_use_is_one_line_and_status_2(tmp_path, capsys):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").touch()
    assert cli.main(["sample", str(tmp_path / "a"), *SMALL]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "choose another folder or remove it" in error


def test_no_workers_are_refused(tmp_path):
    with pytest.raises(DataError, match="at least 1 process, got 0"):
        cli.dispatch(["sample", str(tmp_path / "a"), *SMALL[:-1], "0"])


def test_help_imports_no_numpy():
    code = (
        "import sys\nfrom pvuw import cli\n"
        "try:\n    cli.main(['sample', '--help'])\n"
        "except SystemExit:\n    print('numpy' in sys.modules, 'torch' in sys.modules)"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "examples:" in shown.stdout
    assert shown.stdout.split()[-2:] == ["False", "False"]

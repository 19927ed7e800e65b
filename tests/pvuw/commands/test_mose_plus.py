import json
import subprocess
import sys

import pytest

from pvuw import cli
from pvuw.errors import PvuwError
from pvuw.mose_plus.build.manifest import read_manifest
from tests.pvuw.mose_plus.build_make import (
    FRAMES,
    SIZE_HW,
    settings,
    small_clip,
    tree,
    write_sources,
)
from tests.pvuw.mose_plus.make import write_frames, write_record


def command(path, out, *more, cache):
    return cli.main(
        ["mose-plus", "--config", str(path), "--out", str(out), "--cache", str(cache), *more]
    )


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


def test_build_then_verify(tmp_path, cache, capsys):
    path, out = settings(write_sources(tmp_path)), tmp_path / "out"
    assert command(path, out, "--workers", "1", cache=cache) == 0
    text = capsys.readouterr().out
    assert "mose train       3       3      18        0" in text
    assert "lvos train       2       2      12        0" in text
    assert f"{out}: 5 videos, 30 frames" in text
    assert "3 videos under: CC BY-NC-SA 4.0" in text
    assert text.splitlines()[-1] == f"next: pvuw mose-plus verify {out}"

    assert cli.main(["mose-plus", "verify", str(out), "--workers", "1"]) == 0
    line = f"{out}: OK, 5 videos (5 train), 30 frames, 15 objects\n"
    assert capsys.readouterr().out == line

    (out / "train/JPEGImages/0a/00000.jpg").unlink()
    (out / "train.txt").unlink()
    assert cli.main(["mose-plus", "verify", str(out), "--workers", "1"]) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert len(shown.err.splitlines()) == 3
    assert shown.err.splitlines()[-1] == f"{out}: 2 problems"


def test_verify_compares_with_evaluation_videos_where_told(tmp_path, cache, capsys):
    path, out = settings(write_sources(tmp_path)), tmp_path / "out"
    assert command(path, out, "--workers", "1", cache=cache) == 0
    (tmp_path / "ids.txt").write_text("0b\n")
    write_frames(tmp_path / "valid" / "copy", small_clip(0)[0], quality=60)
    verify = ["mose-plus", "verify", str(out), "--workers", "1"]
    capsys.readouterr()
    lists = ["--evaluation", str(tmp_path / "ids.txt"), "--evaluation", str(tmp_path / "valid")]
    assert cli.main([*verify, *lists]) == 1
    first, second, last = capsys.readouterr().err.splitlines()
    assert first.startswith("mose/train/0b: evaluation video, its id is in")
    assert second.startswith("mose/train/0a: evaluation video, 100% of the frames match those of")
    assert last == f"{out}: 2 problems"


def test_dry_run_says_what_would_be_and_writes_nothing(tmp_path, cache, capsys):
    source = write_sources(tmp_path)
    few = [(f"root: {source}/lvos", f"root: {source}/lvos, quota: 1")]
    path = settings(source, replace=few)
    before = {name for name in tree(tmp_path) if not name.startswith("cache")}
    assert command(path, tmp_path / "out", "--dry-run", "--workers", "1", cache=cache) == 0
    text = capsys.readouterr().out
    assert "lvos train       2       1       6        1" in text
    assert "1  quota full" in text
    assert text.endswith("nothing was built\n")
    assert {name for name in tree(tmp_path) if not name.startswith("cache")} == before


def test_planted_copies_and_evaluation_videos_are_refused_with_the_reason(tmp_path, cache):
    source = write_sources(tmp_path, mose=("0a", "0b"), lvos=("fine",))
    half = (SIZE_HW[0] // 2, SIZE_HW[1] // 2)
    # The same frames as MOSE's 0a, under another id, reduced and encoded again.
    frames, id_maps = small_clip(0)
    plant(source, "other_name", frames, id_maps[:, ::2, ::2], quality=60, size_hw=half)
    # A DAVIS 2017 val video by its name.
    plant(source, "bmx-trees", *small_clip(90))
    # A video of MOSE valid under another id, every frame encoded again.
    frames, id_maps = small_clip(91)
    write_record(source, id_maps, frames, source="mose", split="valid", video_id="secret")
    plant(source, "innocent", frames, id_maps, quality=70)
    # A video of MOSE valid that only shares its id.
    plant(source, "secret", *small_clip(92))
    path = settings(
        source, replace=[("{mose: none}", f"{{mose: {source}/mose/valid, davis: built-in}}")]
    )

    assert command(path, tmp_path / "out", "--workers", "1", cache=cache) == 0
    lines = [json.loads(line) for line in (tmp_path / "out/manifest.jsonl").open()]
    found = {line["video_id"]: (line["admitted"], line["reason"]) for line in lines}
    assert [name for name, (admitted, _) in found.items() if admitted] == ["0a", "0b", "fine"]
    reasons = {name: reason for name, (admitted, reason) in found.items() if not admitted}
    assert reasons["other_name"].startswith("duplicate of mose/train/0a: 100% of the frames match")
    assert reasons["bmx-trees"] == "evaluation video: its id is in davis_2017_val"
    assert reasons["secret"] == f"evaluation video: its id is in {source}/mose/valid"
    assert reasons["innocent"].startswith(
        f"same as evaluation video secret of {source}/mose/valid: 100% of the frames match"
    )
    assert len(reasons) == 4
    built = (tmp_path / "out/moseplus.txt").read_text().split()
    assert built == ["0a", "0b", "lvos_fine"]
    (copy,) = [line for line in lines if line["video_id"] == "other_name"]
    assert copy["duplicate_of"] == ["mose", "train", "0a"]
    assert copy["traits"]["num_frames"] == FRAMES


def plant(source, video_id, frames, id_maps, **options):
    record = write_record(source, id_maps, frames, source="lvos", video_id=video_id)
    write_frames(record.frame_dir, frames, **options)


def test_a_broken_video_is_refused_named_and_the_rest_is_built(tmp_path, cache, capsys):
    source, out = write_sources(tmp_path), tmp_path / "out"
    broken = source / "lvos/train/JPEGImages/Zz/00004.jpg"
    broken.write_bytes(broken.read_bytes()[:700])
    assert command(settings(source), out, "--workers", "1", cache=cache) == 1
    shown = capsys.readouterr()
    assert shown.err.count("\n") == 1
    assert shown.err.startswith(f"lvos/train/Zz: {broken}: ")
    assert "1  could not be read" in shown.out
    assert [e.video_id for e in read_manifest(out) if e.admitted] == ["0a", "0b", "0c", "0a long"]
    assert cli.main(["mose-plus", "verify", str(out), "--workers", "1"]) == 0


def test_report_is_written_beside_the_build(tmp_path, cache, capsys):
    path, out = settings(write_sources(tmp_path)), tmp_path / "out"
    command(path, out, "--workers", "1", cache=cache)
    capsys.readouterr()
    assert cli.main(["mose-plus", "report", str(out)]) == 0
    assert capsys.readouterr().out == f"{out / 'report.html'}\n"
    assert "lvos_0a_long" in (out / "report.html").read_text()
    assert cli.main(["mose-plus", "report", str(out), "--out", str(tmp_path / "page.html")]) == 0
    assert (tmp_path / "page.html").is_file()
    # The page does not spoil the build.
    assert cli.main(["mose-plus", "verify", str(out), "--workers", "1"]) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--out", "x"], "needs --config FILE and --out DIR"),
        (["--config", "x.yaml"], "needs --config FILE and --out DIR"),
        (
            ["--config", "x.yaml", "--out", "x"],
            r"x\.yaml: no such file here and no such recipe; shipped are",
        ),
        (["verify"], "names no build; add its folder"),
        (["verify", "x", "--dry-run"], "takes no --config and no --dry-run"),
        (["report", "x", "--evaluation", "y"], "--evaluation: is for verify; a build has its own"),
        (["verify", "x"], r"x/manifest\.jsonl: no such file, so this is no finished build"),
        (["build", "x", "--config", "y.yaml"], "unexpected x; give --out x"),
        (["--workers", "0"], "must be at least 1, got 0"),
    ],
)
def test_wrong_arguments_are_one_line(arguments, message):
    with pytest.raises(PvuwError, match=message):
        cli.dispatch(["mose-plus", *arguments])


def test_the_shipped_settings_are_found_by_name():
    with pytest.raises(PvuwError, match=r"data/MOSE/train: no such folder|data/MOSE"):
        cli.dispatch(["mose-plus", "--config", "data/mose_plus.yaml", "--out", "x"])


def test_help_imports_no_numpy_and_the_build_no_torch(tmp_path):
    path = settings(write_sources(tmp_path))
    code = (
        "import sys\nfrom pvuw import cli\n"
        "try:\n    cli.main(['mose-plus', '--help'])\n"
        "except SystemExit:\n    print('numpy' in sys.modules)\n"
        f"cli.main(['mose-plus', '--config', {str(path)!r}, '--out', 'o', '--cache', 'c', "
        "'--workers', '1'])\n"
        "cli.main(['mose-plus', 'verify', 'o', '--workers', '1'])\n"
        "print('torch' in sys.modules)"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    lines = shown.stdout.splitlines()
    assert "examples:" in lines
    assert [line for line in lines if line in ("True", "False")] == ["False", "False"]
    assert "o: OK" in shown.stdout

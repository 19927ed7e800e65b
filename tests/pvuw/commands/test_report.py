import pytest

from pvuw.cli import main
from pvuw.commands import report
from tests.pvuw.io.movies import write_movie
from tests.pvuw.report.make import write_folders
from tests.pvuw.report.members.make import write_ensemble


@pytest.fixture
def root(tmp_path):
    return write_folders(tmp_path)


def run(root, *options, pred="runs/new"):
    words = ["--images", root / "JPEGImages", "--pred", root / pred, "--out", root / "out.html"]
    return main(["report", *map(str, [*words, "--workers", 1, *options])])


def test_page_has_the_figure_that_evaluate_prints(root, capsys):
    truth = ["--gt", root / "gt"]
    assert run(root, *truth, "--against", root / "runs/old") == 0
    line = capsys.readouterr().out.splitlines()[-1]
    size = (root / "out.html").stat().st_size
    assert line == f"{root / 'out.html'}: {size / 1e6:.1f} MB, 3 videos, 24 pictures"
    words = ["evaluate", *truth, "--pred", root / "runs/new", "--protocol", "mose", "--workers", 1]
    assert main([*map(str, words)]) == 0
    score = float(capsys.readouterr().out.splitlines()[-1].split()[1])
    text = (root / "out.html").read_text()
    assert f"<dd>{score:.4f}</dd>" in text
    assert "<title>Report: new against old</title>" in text


def test_problems_are_said_and_the_rest_is_done(root, capsys):
    (root / "runs/new/Annotations/good/00003.png").unlink()
    assert run(root, "--gt", root / "gt") == 1
    output = capsys.readouterr()
    assert output.err.startswith(f"pvuw: {root / 'runs/new/Annotations/good'}: 1 of 8 frames")
    assert output.err.count("\n") == 1
    assert "3 videos, 24 pictures" in output.out


def test_videos_without_predictions_are_noted(root, capsys):
    (root / "runs/new/Annotations/good").rename(root / "elsewhere")
    assert run(root) == 0
    note = capsys.readouterr().out.splitlines()[0]
    assert note == "note: 1 videos without predictions are left out (good)"
    assert run(root, "--videos", _list(root, "good")) == 2
    assert "holds no prediction of any of the videos" in capsys.readouterr().err


def _list(root, *names):
    path = root / "list.txt"
    path.write_text("\n".join(names))
    return path


def test_limits_make_it_smaller(root, capsys):
    assert run(root) == 0
    whole = (root / "out.html").stat().st_size
    assert run(root, "--frames-per-video", 2, "--max-side", 16) == 0
    assert "3 videos, 6 pictures" in capsys.readouterr().out
    assert (root / "out.html").stat().st_size < whole


@pytest.mark.parametrize("option", ["--max-side", "--frames-per-video", "--workers"])
def test_unusable_limits_are_one_line(root, option, capsys):
    assert run(root, option, 0) == 2
    assert capsys.readouterr().err == f"pvuw: error: {option} 0: must be at least 1\n"


def test_full_disk_is_one_line(root, monkeypatch, capsys):
    def full(*args, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("jinja2.environment.TemplateStream.dump", full)
    assert run(root) == 2
    assert "out.html: cannot be written (No space left on device)" in capsys.readouterr().err
    assert not (root / "out.html").exists()


def test_frames_of_a_video_file_are_shown(root, capsys):
    pytest.importorskip("av", reason="needs PyAV, the extra 'video'")
    movie = write_movie(root / "good.mp4", num_frames=8)
    words = ["--pred", root / "runs/new", "--out", root / "out.html", "--workers", 1]
    assert main(["report", "--images", str(movie), *map(str, words)]) == 0
    assert "1 videos, 8 pictures" in capsys.readouterr().out


def test_labels_are_runs_and_tell_them_apart(tmp_path):
    assert report._labels([tmp_path / "a/nano/Annotations"]) == ["nano"]
    two = [tmp_path / "a/nano/Annotations", tmp_path / "b/nano/Annotations"]
    assert report._labels(two) == ["a/nano", "b/nano"]


def test_members_of_an_ensemble_are_found(tmp_path, capsys):
    root = write_ensemble(tmp_path)
    words = ["--images", root / "JPEGImages", "--pred", root / "out", "--workers", 1]
    assert main(["report", *map(str, [*words, "--out", root / "out.html"])]) == 0
    text = (root / "out.html").read_text()
    assert "<h2>Members</h2>" in text
    assert '"method":"One member is followed for each object"' in text
    assert "note:" not in capsys.readouterr().out


def test_members_are_given_by_name(tmp_path, capsys):
    root = write_ensemble(tmp_path)
    (root / "out/ensemble.json").unlink()
    words = ["--images", root / "JPEGImages", "--pred", root / "out", "--workers", 1]
    words += ["--out", root / "out.html"]
    assert main(["report", *map(str, words)]) == 0
    assert "<h2>Members</h2>" not in (root / "out.html").read_text()
    given = ["--members", f"still={root / 'out/members/still-1'}"]
    assert main(["report", *map(str, [*words, *given])]) == 0
    assert '"name":"still"' in (root / "out.html").read_text()
    assert main(["report", *map(str, [*words, *given, *given[1:]])]) == 2
    assert "two are called still; give NAME=DIR each" in capsys.readouterr().err


def test_members_that_are_gone_are_noted_on_the_page_too(tmp_path, capsys):
    root = write_ensemble(tmp_path)
    (root / "out/members").rename(root / "elsewhere")
    words = ["--images", root / "JPEGImages", "--pred", root / "out", "--workers", 1]
    assert main(["report", *map(str, [*words, "--out", root / "out.html"])]) == 0
    note = "give --members still=DIR swaps=DIR loses=DIR"
    assert note in capsys.readouterr().out
    assert note in (root / "out.html").read_text()

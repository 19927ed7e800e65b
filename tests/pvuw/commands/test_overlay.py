import numpy as np
import pytest

from pvuw.cli import main
from pvuw.draw import Caption
from pvuw.io.masks import write_id_map
from tests.pvuw.io.make import square, write_video
from tests.pvuw.io.movies import write_movie
from tests.pvuw.report.told import write_told

av = pytest.importorskip("av", reason="needs PyAV, the extra 'video'")
SIZE = (48, 64)


def run(*words):
    return main(["overlay", *map(str, words)])


def read(path):
    with av.open(path) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def write_masks(root, video_id, count):
    for number in range(count):
        write_id_map(root / video_id / f"{number:05d}.png", square(2, 8, 8, 32, size_hw=SIZE))


def test_every_video_becomes_an_mp4_with_its_masks(tmp_path, capsys):
    for video_id in ("a", "b"):
        write_video(tmp_path, video_id, [square(2, 4, 4, 16)] * 4)
    words = ["--images", tmp_path / "JPEGImages", "--pred", tmp_path / "Annotations"]
    assert run(*words, "--out", tmp_path / "out") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines == [f"{tmp_path}/out/{video}.mp4: 4 frames" for video in "ab"]
    frame = read(tmp_path / "out" / "a.mp4")[3]
    red, green, blue = frame[8:16, 8:16].mean((0, 1))
    assert green > red + 30
    assert green > blue + 30
    np.testing.assert_allclose(frame[22:, 26:], 50, atol=12)  # the frame itself beside the object


def test_frames_of_a_video_file_are_drawn_on(tmp_path):
    movie = write_movie(tmp_path / "clip.mp4", num_frames=5)
    write_masks(tmp_path / "masks", "clip", 3)  # the last two frames have none
    out = tmp_path / "seen.mp4"
    assert run("--images", movie, "--pred", tmp_path / "masks", "--out", out, "--opacity", 1) == 0
    frames = read(out)
    assert len(frames) == 5
    centre = [frame[16:32, 16:32].mean((0, 1)) for frame in frames]
    np.testing.assert_allclose(centre[2], [0, 128, 0], atol=8)
    assert np.ptp(centre[4]) < 3


def test_broken_video_is_named_and_the_others_are_done(tmp_path, capsys):
    for video_id in ("a", "b"):
        write_video(tmp_path, video_id, [square(1)] * 3)
    (tmp_path / "JPEGImages/a/00001.jpg").write_bytes(b"")
    words = ["--images", tmp_path / "JPEGImages", "--pred", tmp_path / "Annotations"]
    assert run(*words, "--out", tmp_path / "out") == 1
    output = capsys.readouterr()
    assert output.err.startswith(f"pvuw: video a failed: {tmp_path / 'JPEGImages/a/00001.jpg'}: ")
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["b.mp4"]


def test_single_file_needs_a_single_video(tmp_path, capsys):
    for video_id in ("a", "b"):
        write_video(tmp_path, video_id, [square(1)] * 3)
    words = ["--images", tmp_path / "JPEGImages", "--pred", tmp_path / "Annotations"]
    assert run(*words, "--out", tmp_path / "x.mp4") == 2
    assert "a single file for 2 videos (a, b, ...); choose one" in capsys.readouterr().err
    assert run(*words, "--out", tmp_path / "x.mp4", "--video", "b") == 0
    assert (tmp_path / "x.mp4").is_file()


@pytest.mark.parametrize(
    ("option", "value", "says"), [("--fps", 0, "above 0"), ("--opacity", 1.5, "in 0..1")]
)
def test_unusable_options_are_one_line(option, value, says, tmp_path, capsys):
    write_video(tmp_path, "a", [square(1)] * 3)
    words = ["--images", tmp_path / "JPEGImages", "--pred", tmp_path / "Annotations"]
    assert run(*words, "--out", tmp_path / "x.mp4", option, value) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert f"{option} {value:g}: " in error
    assert says in error


def test_masks_of_other_videos_are_one_line(tmp_path, capsys):
    write_video(tmp_path, "a", [square(1)] * 3)
    write_masks(tmp_path / "masks", "other", 1)
    words = ["--images", tmp_path / "JPEGImages", "--pred", tmp_path / "masks"]
    assert run(*words, "--out", tmp_path / "x.mp4") == 2
    assert "holds no mask of any video" in capsys.readouterr().err


def test_full_disk_is_one_line_and_leaves_nothing(tmp_path, monkeypatch, capsys):
    write_video(tmp_path, "a", [square(1)] * 3)

    def full(*args, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("av.container.OutputContainer.mux", full, raising=True)
    words = ["--images", tmp_path / "JPEGImages", "--pred", tmp_path / "Annotations"]
    assert run(*words, "--out", tmp_path / "out") == 2
    assert "out/a.mp4: cannot be written (No space left on device)" in capsys.readouterr().err
    assert list((tmp_path / "out").iterdir()) == []


def test_sentences_stand_above_what_they_mean(tmp_path, capsys):
    root = write_told(tmp_path)
    words = ["--images", root / "valid_u/JPEGImages", "--pred", root / "runs/old"]
    asked = ["--text", root / "valid_u/meta_expressions.json"]
    assert run(*words, *asked, "--out", root / "out") == 0
    assert "out/v/1.mp4: 6 frames" in capsys.readouterr().out
    frames = read(root / "out/v/1.mp4")
    band = frames[0].shape[0] - 48
    assert band > 20, "two lines"
    assert frames[0][:band].max() > 200
    assert np.median(frames[0][:band]) < 30
    red, green, _ = frames[4][band + 32 : band + 40, 42:50].mean((0, 1))
    assert red > green + 30
    assert run(*words, "--text", "the square", "--out", root / "one.mp4") == 0
    assert run(*words, "--out", root / "none") == 2


def test_a_long_sentence_is_cut():
    assert Caption("word " * 1000, 64)._band.shape[0] < 80
    assert Caption("", 64).above(np.zeros((10, 64, 3), np.uint8)).shape[1] == 64

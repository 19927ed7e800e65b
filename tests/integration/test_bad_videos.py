"""What is wrong with one video, or with the disk, costs the other videos nothing."""

import numpy as np
import pytest

from pvuw.cli import main
from pvuw.io import tree_writer
from pvuw.io.masks import write_id_map
from tests.helpers.echo import blocks, write_video
from tests.pvuw.io.movies import write_movie

PREDICT = ("predict", "--config", "mose/copy_first.yaml", "--trainer.accelerator", "cpu")
NUM_FRAMES = 6


def write_root(root, names):
    """Videos in MOSE's layout, each prompted on its first frame; its images and masks."""
    images, masks = root / "valid" / "JPEGImages", root / "valid" / "Annotations"
    masks.mkdir(parents=True)
    for name in names:
        write_video(images / name, blocks(NUM_FRAMES, (40, 64)))
        (images / name / "masks").rename(masks / name)
    return images, masks


def finished(out):
    """Frames of the videos that were written; hidden folders hold what is not done."""
    folder = out / "Annotations"
    return {p.name: len(list(p.iterdir())) for p in folder.iterdir() if not p.name.startswith(".")}


def test_each_broken_video_gets_a_line_and_the_others_are_done(tmp_path, capsys):
    images, masks = write_root(tmp_path, ["absent", "bare", "cut", "good", "hollow", "zero"])
    (masks / "absent" / "00000.png").rename(masks / "absent" / "00009.png")
    write_id_map(masks / "bare" / "00000.png", np.zeros((40, 64), np.uint8))
    cut = images / "cut" / "00003.png"
    cut.write_bytes(cut.read_bytes()[:60])
    (masks / "hollow" / "00000.png").unlink()
    (images / "zero" / "00003.png").write_bytes(b"")
    out = tmp_path / "out"
    assert main([*PREDICT, "--data.root", str(tmp_path), "--out", str(out)]) == 1
    error = capsys.readouterr().err
    for line in (
        "absent failed: {masks}/absent/00009.png: mask of a frame that does not exist",
        "bare failed: video bare: no object to follow, the masks show background only",
        "cut failed: {images}/cut/00003.png: truncated or damaged PNG",
        "zero failed: {images}/zero/00003.png: empty file",
    ):
        assert f"video {line.format(images=images, masks=masks)}" in error
    assert "hollow" in error
    assert finished(out) == {"good": NUM_FRAMES}


def test_a_video_file_without_frames_costs_the_others_nothing(tmp_path, capsys):
    movies, masks = tmp_path / "movies", tmp_path / "masks"
    for name in ("film", "none"):
        write_movie(movies / f"{name}.mp4", num_frames=4)
        (masks / name).mkdir(parents=True)
        write_id_map(masks / name / "00000.png", blocks(1, (48, 64))[0])
    (movies / "none.mp4").write_bytes(b"")
    out = tmp_path / "out"
    data = ("--data", "PredictDataModule", "--data.images", movies, "--data.masks", masks)
    assert main([*PREDICT, *map(str, data), "--out", str(out)]) == 1
    assert "none.mp4: not a readable video file" in capsys.readouterr().err
    assert finished(out) == {"film": 4}


def test_a_full_disk_ends_the_run_and_the_next_one_goes_on(tmp_path, monkeypatch, capsys):
    write_root(tmp_path, ["a", "b", "c"])
    out = tmp_path / "out"
    command = [*PREDICT, "--data.root", str(tmp_path), "--out", str(out)]
    room = iter(range(NUM_FRAMES + 2))

    def write_while_there_is_room(path, id_map):
        if next(room, None) is None:
            raise OSError(28, "No space left on device", str(path))
        write_id_map(path, id_map)

    with monkeypatch.context() as full_disk:
        full_disk.setattr(tree_writer, "write_id_map", write_while_there_is_room)
        assert main(command) == 2
    assert "could not be written (No space left on device)" in capsys.readouterr().err
    assert finished(out) == {"a": NUM_FRAMES}
    assert main(command) == 0
    assert finished(out) == dict.fromkeys("abc", NUM_FRAMES)


@pytest.mark.parametrize("layout", ["mose", "davis"])
def test_an_empty_folder_of_predictions_is_refused(layout, tmp_path, capsys):
    images, masks = write_root(tmp_path, ["a"])
    (tmp_path / "empty").mkdir()
    packed = ["submit", "--pred", tmp_path / "empty", "--images", images, "--annotations", masks]
    packed += ["--format", layout, "--out", tmp_path / "hand_in.zip"]
    assert main([str(word) for word in packed]) != 0
    assert str(tmp_path / "empty") in capsys.readouterr().err
    assert not (tmp_path / "hand_in.zip").exists()

"""`pvuw predict --images … --masks … --out …`: anything with frames and a mask will do."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pvuw.cli import main
from pvuw.io.masks import read_id_map, write_id_map
from pvuw.io.movie_writer import write_movie

CPU = ("--trainer.accelerator", "cpu", "--trainer.devices", "1", "--trainer.logger", "false")
FRAMES, SIZE, SIDE = 4, (192, 256), 60


def square(place):
    """A bright square on a dark, grainy ground, as frame and as mask of id 3."""
    frame = np.random.default_rng(0).integers(20, 60, (*SIZE, 3), dtype=np.uint8)
    mask = np.zeros(SIZE, np.uint8)
    inside = (slice(20, 20 + SIDE), slice(10 + 4 * place, 10 + 4 * place + SIDE))
    frame[inside] = (230, 120, 40)
    mask[inside] = 3
    return frame, mask


@pytest.fixture
def clip(tmp_path):
    folder = tmp_path / "frames" / "walk"
    folder.mkdir(parents=True)
    for place in range(FRAMES):
        Image.fromarray(square(place)[0]).save(folder / f"img{place}.png")
    masks = tmp_path / "masks" / "walk"
    masks.mkdir(parents=True)
    write_id_map(masks / "img0.png", square(0)[1])
    return folder


def as_folders(clip):
    return clip.parent, clip.parent.parent / "masks", "walk", "img"


def as_one_folder(clip):
    return clip, clip.parent.parent / "masks" / "walk" / "img0.png", "walk", "img"


def as_video_file(clip):
    path = clip.parent.parent / "walk.mp4"
    write_movie(path, [square(place)[0] for place in range(FRAMES)], fps=5)
    return path, clip.parent.parent / "masks" / "walk" / "img0.png", "walk", "0000"


@pytest.mark.parametrize("layout", [as_folders, as_one_folder, as_video_file])
def test_anything_with_frames_and_a_mask(layout, clip, tmp_path, capsys):
    images, masks, video, prefix = layout(clip)
    given = ("--images", str(images), "--masks", str(masks), "--out", str(tmp_path / "out"))
    assert main(["predict", *given, *CPU]) == 0
    assert "predict/sam2_nano.yaml with its shipped weights" in capsys.readouterr().err
    folder = tmp_path / "out" / "Annotations" / video
    written = sorted(path.name for path in folder.iterdir())
    assert written == [f"{prefix}{place}.png" for place in range(FRAMES)]
    for place in range(FRAMES):
        found = read_id_map(folder / written[place]) == 3
        truth = square(place)[1] == 3
        assert (found & truth).sum() / (found | truth).sum() > 0.7, f"frame {place}"
    assert Path(tmp_path / "out" / "predict.yaml").is_file()

import numpy as np
import pytest
from PIL import Image

from datamodules.augment import PRESETS
from pvuw.cli import main
from pvuw.commands import augment_preview
from pvuw.io.masks import write_id_map


@pytest.fixture
def folders(tmp_path):
    rng = np.random.default_rng(0)
    for video, shade in (("bright", 200), ("dark", 60)):
        frames = tmp_path / "JPEGImages" / video
        frames.mkdir(parents=True)
        for t in range(4):
            pixels = rng.integers(shade - 20, shade + 20, (60, 90, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(frames / f"{t:05}.jpg")
            ids = np.zeros((60, 90), dtype=np.uint8)
            ids[20:40, 30 + t : 55 + t] = 5
            write_id_map(tmp_path / "Annotations" / video / f"{t:05}.png", ids)
    images, annotations = tmp_path / "JPEGImages", tmp_path / "Annotations"
    return ["--images", str(images), "--annotations", str(annotations)]


def preview(folders, out, *options):
    assert main(["augment-preview", *folders, "--out", str(out), "--size", "60", *options]) == 0
    return np.array(Image.open(out).convert("RGB")).astype(int)


def cells(picture, rows, columns):
    """The images of the sheet: cells of 320 pixels with a margin of 4, labels of 16 above."""
    height = (picture.shape[0] - 4) // rows
    tops, lefts = range(20, picture.shape[0], height), range(4, picture.shape[1] - 4, 324)
    sheet = [[picture[t : t + height - 20, x : x + 320] for x in lefts] for t in tops]
    assert (len(sheet), len(sheet[0])) == (rows, columns)
    return sheet


@pytest.mark.parametrize("preset", PRESETS)
def test_draws_the_clip_and_its_augmentations(folders, tmp_path, preset, capsys):
    options = ["--preset", preset, "--frames", "2", "--samples", "3", "--video", "dark"]
    out = tmp_path / "new" / "preview.png"
    sheet = cells(preview(folders, out, *options), rows=4, columns=2)
    assert str(out) in capsys.readouterr().out
    before, *after = sheet
    assert 50 < np.median(before[0]) < 70  # the dark video
    for sample in after:
        assert np.abs(sample[0] - before[0]).mean() > 1  # augmented
    assert np.abs(after[0][0] - after[1][0]).mean() > 1  # one seed each
    for row in sheet:
        for image in row:
            pure = (np.ptp(image, axis=-1) > 40).mean()
            assert 0.03 < pure < 0.3  # one tinted object everywhere


def test_the_seed_decides_the_picture(folders, tmp_path):
    first = preview(folders, tmp_path / "a.png", "--seed", "4")
    assert (first == preview(folders, tmp_path / "b.png", "--seed", "4")).all()
    assert (first != preview(folders, tmp_path / "c.png", "--seed", "9")).any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--frames", "0"], "--frames 0: must be at least 1"),
        (["--seed", "-1"], "--seed -1: must be at least 0"),
        (["--frames", "9"], "4 frames with a mask, a clip needs 9"),
        (["--video", "missing"], "missing"),
    ],
)
def test_says_what_is_wrong_in_one_line(folders, tmp_path, capsys, options, message):
    out = tmp_path / "x.png"
    assert main(["augment-preview", *folders, "--out", str(out), *options]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not out.exists()


def test_every_preset_can_be_chosen():
    assert set(augment_preview._PRESETS) == set(PRESETS)

"""Answers to sentences on their way to a server: what it takes, and each way to spoil them."""

import csv
import json
import shutil
import zipfile

import numpy as np
import pytest
from PIL import Image

from pvuw.cli import main
from tests.helpers import mevis, synthetic

QUERY = "va/1"


def answers(folder, videos=("va", "vb")):
    """Masks near the truth, as any tool may store them."""
    for video_id in videos:
        for e, text in enumerate(mevis.SENTENCES):
            for time in range(synthetic.NUM_FRAMES):
                path = folder / video_id / str(e) / f"{time:05d}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                mask = np.roll(mevis.target(text, time), e, axis=1)
                Image.fromarray(255 * mask.astype(np.uint8)).save(path)
    return folder


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mevis")
    mevis.write_split(folder, "valid_u")
    answers(folder / "pred")
    return folder


@pytest.fixture
def root(clean, tmp_path):
    shutil.copytree(clean, tmp_path / "root")
    return tmp_path / "root"


def submit(root, *more, split="valid_u", rules="mevis"):
    words = ["--pred", root / "pred", "--images", root / split / "JPEGImages", "--out"]
    words += [root / "out.zip", "--format", rules, "--workers", 1, *more]
    return main(["submit", *map(str, words)])


def evaluate(root, pred, csv_file):
    words = ["--gt", root / "valid_u", "--pred", pred, "--protocol", "mevis", "--workers", 1]
    assert main(["evaluate", *map(str, [*words, "--csv", csv_file])]) == 0
    with csv_file.open() as file:
        return list(csv.DictReader(file))


def test_the_zip_unpacked_scores_as_the_folder_does(root, capsys):
    assert submit(root) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "2 videos, 10 expressions, 80 masks"
    first = (root / "out.zip").read_bytes()
    with zipfile.ZipFile(root / "out.zip") as archive:
        assert archive.namelist()[0] == "va/0/00000.png"
        for name in archive.namelist():
            with Image.open(archive.open(name)) as image:
                assert image.mode == "L"
                assert set(np.unique(np.array(image))) <= {0, 255}
        archive.extractall(root / "back")
    scores = evaluate(root, root / "pred", root / "a.csv")
    assert evaluate(root, root / "back", root / "b.csv") == scores
    assert len({row["j"] for row in scores}) > 3
    assert submit(root) == 0
    assert (root / "out.zip").read_bytes() == first


def _size(root):
    Image.fromarray(np.zeros((9, 9), np.uint8)).save(root / "pred" / QUERY / "00003.png")


def _pixels(root, mode):
    image = Image.open(root / "pred" / QUERY / "00003.png").convert(mode)
    image.save(root / "pred" / QUERY / "00003.png")


def _cut(root):
    path = root / "pred" / QUERY / "00003.png"
    path.write_bytes(path.read_bytes()[:60])


def _meta(root, change):
    path = root / "valid_u" / "meta_expressions.json"
    content = json.loads(path.read_text())
    change(content["videos"])
    path.write_text(json.dumps(content))


def _copy(root, target):
    shutil.copytree(root / "pred" / QUERY, root / "pred" / target)


DAMAGES = {
    "an expression is missing": (
        lambda root: shutil.rmtree(root / "pred" / QUERY),
        "va/1: no such folder; predict this expression too",
    ),
    "a video is missing": (
        lambda root: shutil.rmtree(root / "pred" / "vb"),
        "vb/4: no such folder; predict this expression too",
    ),
    "a frame is missing": (
        lambda root: (root / "pred" / QUERY / "00003.png").unlink(),
        "va/1/00003.png: no such file",
    ),
    "a file is empty": (
        lambda root: (root / "pred" / QUERY / "00003.png").write_bytes(b""),
        "va/1/00003.png: empty file (0 bytes)",
    ),
    "a file is cut": (_cut, "va/1/00003.png"),
    "a file is no PNG": (
        lambda root: (root / "pred" / QUERY / "00003.png").write_bytes(b"x" * 99),
        "va/1/00003.png: not a PNG file",
    ),
    "a mask is of another size": (_size, "va/1/00003.png: mask is 9x9, its frame 64x48"),
    "a mask holds colours": (
        lambda root: _pixels(root, "RGB"),
        "va/1/00003.png: holds RGB colours",
    ),
    "a mask has 16 bits": (lambda root: _pixels(root, "I;16"), "va/1/00003.png: stores 16 bits"),
    "a frame has another name": (
        lambda root: (root / "pred" / QUERY / "00003.png").rename(root / "pred" / QUERY / "3.png"),
        "va/1/3.png: wrong name, the frame is called 00003",
    ),
    "a frame too many": (
        lambda root: shutil.copy(
            root / "pred" / QUERY / "00003.png", root / "pred" / QUERY / "00008.png"
        ),
        "va/1/00008.png: mask of a frame that is not among the images",
    ),
    "another file": (
        lambda root: (root / "pred" / QUERY / "notes.txt").write_text("x"),
        "va/1/notes.txt: not a mask; remove it",
    ),
    "an expression too many": (
        lambda root: _copy(root, "va/5"),
        "va/5: no such expression among the sentences",
    ),
    "a video too many": (
        lambda root: _copy(root, "other/0"),
        "other/0: no such expression among the sentences",
    ),
    "a video of the sentences without images": (
        lambda root: shutil.rmtree(root / "valid_u" / "JPEGImages" / "vb"),
        "JPEGImages/vb: no such folder, though sentences are about this video",
    ),
    "a frame of the sentences without image": (
        lambda root: _meta(root, lambda videos: videos["va"]["frames"].append("00099")),
        "video va: the sentences' file names 1 frames that are not among the images (00099)",
    ),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_each_damage_is_named_and_nothing_written(root, capsys, name):
    damage, line = DAMAGES[name]
    damage(root)
    assert submit(root) == 2
    found = [text for text in capsys.readouterr().err.splitlines() if line in text]
    assert found, name
    assert not (root / "out.zip").exists()


def test_all_damages_at_once_are_all_named(root, capsys):
    for name in ("a frame is missing", "an expression too many"):
        DAMAGES[name][0](root)
    (root / "pred" / "vb" / "0" / "00001.png").write_bytes(b"")
    Image.fromarray(np.zeros((9, 9), np.uint8)).save(root / "pred" / "vb" / "2" / "00000.png")
    assert submit(root) == 2
    lines = capsys.readouterr().err.splitlines()
    assert [line.rpartition("pred/")[2].partition(":")[0] for line in lines[:-1]] == [
        *("va/1/00003.png", "vb/0/00001.png", "vb/2/00000.png", "va/5"),
    ]
    assert lines[-1] == "pvuw: 4 problems, so nothing was written"


def test_ref_youtube_vos_asks_for_listed_frames_of_valid_alone(root):
    """Its `valid` lists the videos of `test` too; masks lie below Annotations."""
    shutil.move(root / "valid_u", root / "valid")
    file = root / "meta_expressions" / "valid" / "meta_expressions.json"
    file.parent.mkdir(parents=True)
    shutil.move(root / "valid" / "meta_expressions.json", file)
    content = json.loads(file.read_text())
    for video in content["videos"].values():
        video["frames"] = video["frames"][::5]
    content["videos"]["of_test"] = content["videos"]["va"]
    file.write_text(json.dumps(content))
    others = root / "meta_expressions" / "test" / "meta_expressions.json"
    others.parent.mkdir()
    others.write_text(json.dumps({"videos": {"of_test": content["videos"]["va"]}}))
    for path in (root / "pred").rglob("*.png"):
        if path.stem not in ("00000", "00005"):
            path.unlink()
    assert submit(root, split="valid", rules="ref_youtube_vos") == 0
    with zipfile.ZipFile(root / "out.zip") as archive:
        names = archive.namelist()
    assert names[:3] == [
        *("Annotations/va/0/00000.png", "Annotations/va/0/00005.png", "Annotations/va/1/00000.png"),
    ]
    assert len(names) == 2 * 5 * 2

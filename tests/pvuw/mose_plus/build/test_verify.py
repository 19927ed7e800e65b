import shutil

import cv2
import numpy as np
import pytest

from pvuw.errors import DataError
from pvuw.io.masks import read_id_map, write_id_map
from pvuw.mose_plus.build.manifest import INFO, MANIFEST
from pvuw.mose_plus.build.verify import verify_build
from tests.pvuw.mose_plus.build_make import FRAMES, build, settings, write_sources


@pytest.fixture(scope="module")
def pristine(tmp_path_factory):
    source = write_sources(tmp_path_factory.mktemp("sources"))
    out = source / "out"
    build(settings(source, build="frames: encode, valid_share: 0.4"), out)
    return out


@pytest.fixture
def out(pristine, tmp_path):
    return shutil.copytree(pristine, tmp_path / "out", symlinks=True)


def held_out(out):
    return (out / "valid.txt").read_text().split()[0]


def trained(out):
    return (out / "train.txt").read_text().split()[0]


def test_a_build_in_order_is_counted(out):
    found = verify_build(out, workers=2)
    assert found.problems == []
    assert dict(found.videos) == {"train": 4, "valid": 1}
    assert found.frames == 5 * FRAMES
    assert found.objects == 15


def edit(path, change):
    path.write_text(change(path.read_text()))


def repaint(out):
    """Move one pixel from the background to an object."""
    path = out / "train/Annotations" / trained(out) / "00002.png"
    id_map = read_id_map(path)
    id_map[tuple(np.argwhere(id_map == 0)[0])] = 2
    write_id_map(path, id_map)


def swap(out):
    """Same pixels, same sizes, other order."""
    folder = out / "train/Annotations" / trained(out)
    (folder / "00001.png").rename(folder / "x")
    (folder / "00002.png").rename(folder / "00001.png")
    (folder / "x").rename(folder / "00002.png")


def resize(out):
    path = out / "train/JPEGImages" / trained(out) / "00000.jpg"
    cv2.imwrite(str(path), np.zeros((20, 20, 3), dtype=np.uint8))


def recompress(out):
    path = out / "train/JPEGImages" / trained(out) / "00000.jpg"
    cv2.imwrite(str(path), cv2.imread(str(path)))


def list_it(out):
    """Put a video's id on an evaluation list after the fact."""
    edit(out / INFO, lambda text: text.replace('"bike-packing"', '"0a long"'))


DAMAGES = {
    "unfinished": (lambda out: (out / ".build").mkdir(), ["the build is not finished"]),
    "temporary file": (
        lambda out: (out / ".manifest.jsonl.1-2.tmp").touch(),
        ["left behind by a killed process"],
    ),
    "list changed": (
        lambda out: edit(out / "train.txt", lambda text: text[3:]),
        ["train.txt: does not name the videos"],
    ),
    "list missing": (lambda out: (out / "moseplus.txt").unlink(), ["moseplus.txt: missing"]),
    "on an evaluation list": (list_it, ["lvos/train/0a long: evaluation video"]),
    "frames gone": (
        lambda out: shutil.rmtree(out / "train/JPEGImages" / trained(out)),
        ["missing"],
    ),
    "masks gone": (
        lambda out: shutil.rmtree(out / "train/Annotations" / trained(out)),
        ["missing"],
    ),
    "folder of all masks gone": (
        lambda out: shutil.rmtree(out / "train/Annotations"),
        ["train/Annotations: missing"],
    ),
    "foreign video": (
        lambda out: (out / "train/JPEGImages/mine").mkdir(),
        ["JPEGImages/mine: not in the manifest"],
    ),
    "leftover": (
        lambda out: (out / "train/Annotations/.half").mkdir(),
        ["Annotations/.half: not in the manifest"],
    ),
    "one frame gone": (
        lambda out: (out / "train/JPEGImages" / trained(out) / "00003.jpg").unlink(),
        ["00003.jpg: missing"],
    ),
    "one mask gone": (
        lambda out: (out / "train/Annotations" / trained(out) / "00003.png").unlink(),
        ["00003.png: missing"],
    ),
    "one mask too many": (
        lambda out: (out / "train/Annotations" / trained(out) / "00099.png").touch(),
        ["00099.png: not in the manifest"],
    ),
    "one pixel": (repaint, ["object 2 has", "masks are not those"]),
    "masks swapped": (swap, ["masks are not those"]),
    "frame of another size": (resize, ["is 20x20, the manifest says 160x96", "frames are not"]),
    "frame encoded again": (recompress, ["frames are not those that were built"]),
    "damaged mask": (
        lambda out: (out / "train/Annotations" / trained(out) / "00000.png").write_bytes(
            b"\x89PNG"
        ),
        ["00000.png: not a PNG"],
    ),
    "prompt gone": (
        lambda out: (out / "valid/Annotations" / held_out(out) / "00000.png").unlink(),
        ["00000.png: missing"],
    ),
    "prompt changed": (
        lambda out: shutil.copy(
            out / "valid/GroundTruth" / held_out(out) / "00003.png",
            out / "valid/Annotations" / held_out(out) / "00000.png",
        ),
        ["differs from the ground truth"],
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_every_damage_is_a_line_and_nothing_else_is(out, damage):
    do, expected = DAMAGES[damage]
    do(out)
    problems = verify_build(out, workers=1).problems
    assert len(problems) == len(expected), problems
    for line, part in zip(problems, expected, strict=True):
        assert part in line
        assert "\n" not in line


def test_a_link_to_nowhere_is_found(tmp_path):
    source, out = write_sources(tmp_path), tmp_path / "out"
    build(settings(source, build="frames: symlink"), out)
    assert verify_build(out, workers=1).problems == []
    (source / "mose/train/JPEGImages/0b/00002.jpg").unlink()
    (problem,) = verify_build(out, workers=1).problems
    assert "0b/00002.jpg: the linked frame is gone" in problem


@pytest.mark.parametrize("name", [MANIFEST, INFO])
def test_without_its_files_it_is_no_build(out, name):
    (out / name).unlink()
    with pytest.raises(DataError, match=f"{name}: no such file, so this is no finished build"):
        verify_build(out, workers=1)


def test_another_format_is_refused(out):
    edit(out / INFO, lambda text: text.replace('"format": 1', '"format": 99'))
    with pytest.raises(DataError, match="written in format 99"):
        verify_build(out, workers=1)

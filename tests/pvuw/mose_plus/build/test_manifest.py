import pytest

from pvuw.errors import DataError
from pvuw.mose_plus.build.manifest import (
    MANIFEST,
    BuiltObject,
    BuiltVideo,
    ManifestEntry,
    read_manifest,
    write_manifest,
)
from tests.pvuw.mose_plus.make import traits


def entry(video_id="v", **values):
    plain = {
        "source": "burst",
        "split": "train",
        "video_id": video_id,
        "reference": False,
        "admitted": False,
        "reason": "too short",
        "licence": "MIT",
        "frame_dir": "a/b",
        "annotations": "c.json",
    }
    return ManifestEntry(**(plain | values))


def built():
    objects = (BuiltObject(1, 3, "track 7", "cat", 12, 2), BuiltObject(2, 4, "9", None, 1, 1))
    return BuiltVideo(
        "burst_v", "train", (4, 6), "link", 0, ("a.jpg", "é\u2028.jpg"), objects, "0f", "f0"
    )


def test_what_is_written_is_read(tmp_path):
    entries = [
        entry("zwei\nZeilen\u2028\x85", reason='"quoted", ünïcode'),
        entry(
            fps=6.0,
            admitted=True,
            distance=1.25,
            distances={"motion": 0.5},
            traits=traits(bor_mean=0.123456789),
            duplicate_of=("mose", "train", "x"),
            fingerprint="ab",
            built=built(),
        ),
    ]
    write_manifest(tmp_path, entries)
    assert read_manifest(tmp_path) == entries
    assert len((tmp_path / MANIFEST).read_bytes().splitlines()) == 2


def test_folders_follow_the_subset(tmp_path):
    train = built()
    assert train.frames_dir(tmp_path) == tmp_path / "train/JPEGImages/burst_v"
    assert train.masks_dir(tmp_path) == tmp_path / "train/Annotations/burst_v"
    assert train.frame_names == ["00000", "00001"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"source": "a"', r"line 2: not valid JSON .*; run the build again"),
        ('{"source": "a"}', r"line 2: split: missing"),
        ('{"sauce": "a"}', r"line 2: sauce: unknown key"),
    ],
)
def test_a_damaged_line_is_named(tmp_path, line, message):
    write_manifest(tmp_path, [entry()])
    with (tmp_path / MANIFEST).open("a") as file:
        file.write(line + "\n")
    with pytest.raises(DataError, match=rf"manifest\.jsonl: {message}"):
        read_manifest(tmp_path)

import os
import zipfile

from pvuw.submit.formats import FORMATS
from pvuw.submit.pack import write_zip
from tests.pvuw.submit.make import write_data


def masks_of(pred):
    return {folder.name: sorted(folder.iterdir()) for folder in pred.iterdir()}


def pack(path, masks, name="mose"):
    assert sum(write_zip(path, masks, FORMATS[name])) == 10
    return path.read_bytes()


def test_same_masks_give_same_bytes(tmp_path):
    _, pred = write_data(tmp_path)
    masks = masks_of(pred)
    first = pack(tmp_path / "a.zip", masks)
    for mask in masks["cats"]:
        os.utime(mask, (1, 1))
        mask.chmod(0o600)
    backwards = {video: list(reversed(masks[video])) for video in sorted(masks, reverse=True)}
    assert pack(tmp_path / "b.zip", backwards) == first


def test_layout_is_the_servers(tmp_path):
    _, pred = write_data(tmp_path)
    masks = masks_of(pred)
    for name, start in (
        ("mose", ""),
        ("mosev2", ""),
        ("davis", ""),
        ("youtube_vos", "Annotations/"),
    ):
        pack(tmp_path / "a.zip", masks, name)
        with zipfile.ZipFile(tmp_path / "a.zip") as archive:
            assert archive.testzip() is None
            assert archive.namelist() == [
                f"{start}{video}/{i:05d}.png" for video in ("ball", "cats") for i in range(5)
            ]
            entry = archive.infolist()[0]
            assert archive.read(entry) == masks["ball"][0].read_bytes()
            assert entry.external_attr >> 16 == 0o100644

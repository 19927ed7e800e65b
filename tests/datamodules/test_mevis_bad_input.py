"""Each way a download of MeViS can be spoiled is one line, before the run or at the clip."""

import json
import shutil

import pytest

from datamodules import ClipConfig, MeViSDataModule
from pvuw.errors import DataError
from tests.helpers import mevis, synthetic


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mevis")
    mevis.write_split(folder, "train")
    return folder


def meta(change):
    """A damage to the first video of the sentences' file."""

    def damage(base):
        path = base / "meta_expressions.json"
        content = json.loads(path.read_text())
        change(content["videos"]["va"])
        path.write_text(json.dumps(content))

    return damage


def masks(change):
    def damage(base):
        path = base / "mask_dict.json"
        content = json.loads(path.read_text())
        change(content)
        path.write_text(json.dumps(content))

    return damage


def say(text):
    return meta(lambda video: video["expressions"]["2"].update(exp=text))


def turn(content):
    for track in content.values():
        for runs in filter(None, track):
            runs["size"] = runs["size"][::-1]


def text_of(name, change):
    def damage(base):
        path = base / name
        path.write_bytes(change(path.read_bytes()))

    return damage


EXPRESSION = r"meta_expressions\.json: video 'va', expression 2: "
DAMAGES = {
    "an empty sentence": (say(" "), EXPRESSION + "the sentence is empty"),
    "5,000 characters": (say("x" * 5000), EXPRESSION + "the sentence has 5000 characters"),
    "half a character": (say("\udce9"), EXPRESSION + "the sentence is not UTF-8"),
    "no text": (say(7), EXPRESSION + "'exp' must be str, got int"),
    "a file that is not UTF-8": (
        text_of("meta_expressions.json", lambda b: b.replace(b"blue", b"bl\xfce")),
        r"meta_expressions\.json: not UTF-8 from byte \d+ on",
    ),
    "an annotation without masks": (
        meta(lambda video: video["expressions"]["2"].update(anno_id=[99])),
        r"mask_dict\.json: holds no annotation 99, which video 'va'",
    ),
    "an annotation of another video": (
        meta(lambda video: video["expressions"]["2"].update(anno_id=[11])),
        r"names annotation 11, and so does video 'va'",
    ),
    "no list of annotations": (
        meta(lambda video: video["expressions"]["2"].pop("anno_id")),
        EXPRESSION + "'anno_id' must be list, got NoneType",
    ),
    "a text for an annotation": (
        meta(lambda video: video["expressions"]["2"].update(anno_id=["1"])),
        EXPRESSION + "'anno_id' must hold int",
    ),
    "masks of another number": (
        masks(lambda content: content["1"].pop()),
        r"mask_dict\.json: annotation 1 has masks for 7 frames, its video 'va' has 8",
    ),
    "masks of turned frames": (masks(turn), r"was drawn on another or a turned one"),
    "runs that end early": (
        masks(lambda content: [r.update(counts="l7o0") for r in filter(None, content["1"])]),
        r"mask_dict\.json: annotation 1, frame \d: damaged mask",
    ),
    "half a file of masks": (
        text_of("mask_dict.json", lambda b: b[: len(b) // 2]),
        r"mask_dict\.json: not a complete JSON object",
    ),
    "an annotation twice": (
        text_of("mask_dict.json", lambda b: b.replace(b'"3":', b'"1":')),
        r"mask_dict\.json: annotation 1: is there twice",
    ),
    "no file of masks": (
        lambda base: (base / "mask_dict.json").unlink(),
        r"mask_dict\.json: no such file",
    ),
    "an expression twice": (
        text_of("meta_expressions.json", lambda b: b.replace(b'"1": {"exp"', b'"0": {"exp"')),
        r"meta_expressions\.json: key '0' stands twice in one object",
    ),
    "a frame that is not there": (
        meta(lambda video: video["frames"].__setitem__(3, "00099")),
        r"va/00099\.jpg: no such frame, named by .*video 'va'",
    ),
    "a frame twice": (
        meta(lambda video: video["frames"].__setitem__(3, "00000")),
        r"video 'va': names frame 00000 twice",
    ),
    "no frames": (meta(lambda video: video["frames"].clear()), r"video 'va': names no frames"),
    "a video without folder": (
        lambda base: shutil.rmtree(base / "JPEGImages" / "va"),
        r"JPEGImages/va: no such folder; .*video 'va' names it",
    ),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_it_is_one_line(clean, tmp_path, name):
    damage, line = DAMAGES[name]
    shutil.copytree(clean, tmp_path / "root")
    damage(tmp_path / "root" / "train")
    clip = ClipConfig(num_frames=4, max_objects=5, size=48, fit="keep")
    data = MeViSDataModule(tmp_path / "root", clip=clip, num_workers=0, index=tmp_path / "index")
    with pytest.raises(DataError, match=line) as error:
        _ = [data.train_clips()[number] for number in (0, 1)]
    assert len(str(error.value).splitlines()) == 1


def test_what_is_right_is_read(clean, tmp_path):
    clips = MeViSDataModule(clean, num_workers=0, index=tmp_path / "index").train_clips()
    assert len(clips.records) == 2
    assert clips.records[0].num_frames == synthetic.NUM_FRAMES

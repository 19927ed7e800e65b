import json
import pickle

import numpy as np
import pytest

from pvuw.errors import DataError
from pvuw.io.expressions import Expression
from pvuw.sources import SourceSpec, open_source
from tests.pvuw.sources.layouts import (
    NOTHING,
    SIZE,
    assert_masks,
    box,
    compressed,
    run_list,
    write_frames,
    write_json,
)

LEFT, RIGHT = box(2, 2, 10, 10), box(4, 6, 20, 30)
STEMS = ["00000", "00001", "00002"]
ALWAYS = [compressed(LEFT)] * 3


def sentence(text, *annotations, **more):
    return {"exp": text, "obj_id": list(range(len(annotations))), "anno_id": annotations, **more}


def video(*sentences, stems=STEMS):
    numbered = {str(i): content for i, content in enumerate(sentences)}
    return {"vid_id": 7, "frames": stems, "expressions": numbered}


def write(root, videos, masks, *, split="train"):
    base = root / split
    for name, content in videos.items():
        write_frames(base / "JPEGImages" / name, [f"{stem}.jpg" for stem in content["frames"]])
    write_json(base / "meta_expressions.json", {"videos": videos})
    return write_json(base / "mask_dict.json", masks)


def read(root, **options):
    return list(open_source(SourceSpec("mevis", root, **options)).records())


def test_objects_are_the_annotations_that_sentences_name(tmp_path):
    # 9 comes before 10 though "10" < "9"; nobody names 4.
    masks = {
        "10": [compressed(LEFT), None, compressed(NOTHING)],
        "4": ALWAYS,
        "9": [run_list(RIGHT), run_list(NOTHING), run_list(RIGHT)],
    }
    write(tmp_path, {"abc": video(sentence("the grey one", 10), sentence("both", 10, 9))}, masks)
    (record,) = read(tmp_path)
    assert (record.source, record.split, record.video_id) == ("mevis", "train", "abc")
    assert [(i.object_id, i.source_id) for i in record.objects] == [(1, "9"), (2, "10")]
    assert record.frame_names == tuple(STEMS)
    assert record.annotated == (0, 1, 2)
    assert_masks(record, 0, {1: RIGHT, 2: LEFT})
    assert_masks(record, 1, {})
    assert_masks(record, 2, {1: RIGHT})
    assert not record.exhaustive
    assert not record.prompts_only


def test_sentences_come_along_with_our_ids(tmp_path):
    sentences = (
        sentence("The Löwe that  turns", 5),
        sentence("two that meet", 5, 3, 5),
        sentence("nothing here"),
        sentence("the one that never appears", 8),
    )
    masks = {"3": ALWAYS, "5": ALWAYS, "8": [None, compressed(NOTHING), None]}
    write(tmp_path, {"abc": video(*sentences)}, masks)
    (record,) = read(tmp_path)
    assert [info.source_id for info in record.objects] == ["3", "5"]
    assert record.expressions == (
        Expression("0", "The Löwe that  turns", (2,)),
        Expression("1", "two that meet", (1, 2)),
        Expression("2", "nothing here", ()),
        Expression("3", "the one that never appears", ()),
    )


def test_videos_keep_the_order_of_the_file_and_may_have_one_frame_or_no_object(tmp_path):
    videos = {
        "zz": video(sentence("a", 1)),
        "aa": video(sentence("b", 0), stems=["00012"]),
        "mm": video(sentence("nobody")),
    }
    write(tmp_path, videos, {"0": ALWAYS[:1], "1": ALWAYS}, split="valid_u")
    records = read(tmp_path, split="valid_u")
    assert [record.video_id for record in records] == ["zz", "aa", "mm"]
    assert records[1].frame_names == ("00012",)
    assert_masks(records[1], 0, {1: LEFT})
    assert records[2].objects == ()
    assert records[2].read_masks(1) == {}


def test_overlapping_masks_are_kept(tmp_path):
    masks = {"0": [compressed(RIGHT)] * 3, "1": ALWAYS}
    write(tmp_path, {"abc": video(sentence("both", 0, 1))}, masks)
    (record,) = read(tmp_path)
    assert_masks(record, 0, {1: RIGHT, 2: LEFT})
    assert np.array_equal(record.read_id_map(0) == 2, LEFT)


def test_a_record_holds_byte_ranges_not_masks(tmp_path):
    noise = np.random.default_rng(0).random(SIZE) < 0.5
    masks = {str(i): [compressed(noise)] * 3 for i in range(29)}
    path = write(tmp_path, {"abc": video(sentence("all", *range(29)))}, masks)
    (record,) = read(tmp_path)
    stored = pickle.dumps(record)
    assert len(stored) < 5000 < path.stat().st_size
    assert_masks(pickle.loads(stored), 2, dict.fromkeys(range(1, 30), noise))


def test_the_size_of_the_image_wins_over_that_of_the_mask(tmp_path):
    write(tmp_path, {"abc": video(sentence("a", 3))}, {"3": ALWAYS})
    frames = [f"{stem}.jpg" for stem in STEMS]
    write_frames(tmp_path / "train" / "JPEGImages" / "abc", frames, size_hw=(48, 64))
    (record,) = read(tmp_path)
    with pytest.warns(UserWarning, match=r"annotation 3: masks are 32x24, the image 64x48"):
        masks = record.read_masks(0)
    assert np.array_equal(masks[1], LEFT.repeat(2, axis=0).repeat(2, axis=1))


@pytest.mark.parametrize("name", ["mask_dict.json", "meta_expressions.json"])
def test_either_file_changes_the_stamp(tmp_path, name):
    write(tmp_path, {"abc": video(sentence("a", 3))}, {"3": ALWAYS})
    reader = open_source(SourceSpec("mevis", tmp_path))
    before = reader.stamps()
    path = tmp_path / "train" / name
    path.write_text(path.read_text() + " ")
    after = reader.stamps()
    assert list(before) == list(after) == [str(tmp_path / "train" / "mask_dict.json")]
    assert before != after


def test_a_missing_frame_is_named_unless_its_video_is_excluded(tmp_path):
    videos = {"abc": video(sentence("a", 3)), "def": video(sentence("b", 4))}
    write(tmp_path, videos, {"3": ALWAYS, "4": ALWAYS})
    (tmp_path / "train" / "JPEGImages" / "abc" / "00001.jpg").unlink()
    with pytest.raises(DataError, match=r"abc/00001\.jpg: no such frame, named by .*video 'abc'"):
        read(tmp_path)
    assert [record.video_id for record in read(tmp_path, exclude=["abc"])] == ["def"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda v, m: m.pop("3"), r"mask_dict\.json: holds no annotation 3, which video 'abc'"),
        (lambda v, m: m["3"].pop(), "annotation 3 has masks for 2 frames, its video 'abc' has 3"),
        (lambda v, m: m.update({"3": {}}), "annotation 3: must be a list with runs or null"),
        (lambda v, m: m.update({"3": [[], None, None]}), "annotation 3: must be a list with runs"),
        (lambda v, m: m.update({"3": [{}, None, None]}), "annotation 3: damaged mask, it has no"),
        (lambda v, m: v.update(frames=[]), "video 'abc': names no frames"),
        (lambda v, m: v.pop("frames"), "video 'abc': 'frames' must be list, got NoneType"),
        (lambda v, m: v["expressions"]["0"].pop("exp"), "expression 0: 'exp' must be str"),
        (lambda v, m: v["expressions"]["0"].pop("anno_id"), "expression 0: 'anno_id' must be list"),
        (lambda v, m: v["expressions"]["0"].update(anno_id=["x"]), r"must hold int, got \['x'\]"),
    ],
)
def test_a_broken_file_is_named(tmp_path, change, words):
    content, masks = video(sentence("a", 3)), {"3": list(ALWAYS)}
    path = write(tmp_path, {"abc": content}, masks)
    change(content, masks)
    path.write_text(json.dumps(masks))
    write_json(path.with_name("meta_expressions.json"), {"videos": {"abc": content}})
    with pytest.raises(DataError, match=words) as error:
        read(tmp_path)
    assert str(path.parent) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("mask", [compressed(LEFT)["counts"], {"counts": run_list(LEFT)["counts"]}])
def test_a_mask_without_a_size_is_named_with_its_frame(tmp_path, mask):
    write(tmp_path, {"abc": video(sentence("a", 3))}, {"3": [None, mask, None]})
    (record,) = read(tmp_path)
    with pytest.raises(DataError, match=r"annotation 3, frame 1: damaged mask, .*0"):
        record.read_masks(1)


def test_an_annotation_of_two_videos_is_refused(tmp_path):
    videos = {"abc": video(sentence("a", 3)), "def": video(sentence("b", 3))}
    write(tmp_path, videos, {"3": ALWAYS})
    with pytest.raises(DataError, match="video 'def': names annotation 3, and so does video 'abc'"):
        read(tmp_path)


def test_a_split_without_public_masks_is_named(tmp_path):
    path = write(tmp_path, {"abc": video(sentence("a", 3))}, {"3": ALWAYS}, split="valid")
    path.unlink()
    with pytest.raises(DataError, match=r"mask_dict\.json: no such file; masks of `valid` and"):
        read(tmp_path, split="valid")

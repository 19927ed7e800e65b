import json
import shutil

import numpy as np
import pytest

from pvuw.errors import DataError
from pvuw.sources import SourceSpec, open_source
from pvuw.sources.asked import queries_of
from pvuw.sources.index import load_records
from tests.pvuw.sources.layouts import SIZE, assert_masks, box, ids_of, write_json
from tests.pvuw.sources.layouts import write_video as write_folders

LEFT, RIGHT = box(2, 2, 10, 10), box(4, 12, 20, 30)
FRAMES = {"00000": ids_of((2, LEFT)), "00005": ids_of((2, LEFT), (5, RIGHT)), "00007": ids_of()}


def sentences(root, videos, *, split="train"):
    path = root / "meta_expressions" / split / "meta_expressions.json"
    return write_json(path, {"videos": videos})


@pytest.fixture
def root(tmp_path):
    base = tmp_path / "train"
    write_folders(base / "JPEGImages", base / "Annotations", "v1", FRAMES)
    write_folders(base / "JPEGImages", base / "Annotations", "unasked", FRAMES)
    asked = {
        "0": {"exp": "the left one", "obj_id": "2"},
        "1": {"exp": "what comes late", "obj_id": "5"},
        "2": {"exp": "nobody", "obj_id": "9"},
    }
    sentences(tmp_path, {"v1": {"expressions": asked, "frames": ["00000", "00005"]}})
    return tmp_path


@pytest.mark.parametrize("source", ["ref_youtube_vos", "ref_davis"])
def test_a_sentence_means_one_object_in_the_frames_the_file_names(root, source):
    (record,) = open_source(SourceSpec(source, root)).records()
    assert (record.source, record.video_id) == (source, "v1")
    assert record.frame_names == ("00000", "00005")
    assert [(e.expression_id, e.text, e.object_ids) for e in record.expressions] == [
        ("0", "the left one", (1,)),
        ("1", "what comes late", (2,)),
        ("2", "nobody", ()),
    ]
    assert_masks(record, 0, {1: LEFT})
    assert_masks(record, 1, {1: LEFT, 2: RIGHT})
    late = queries_of(record)[1]
    assert (late.query_id, late.prompt) == ("v1/1", "what comes late")
    assert not late.truth.id_map(0, SIZE).any()
    assert np.array_equal(late.truth.id_map(1, SIZE) == 1, RIGHT)
    late.check(scored=True)


def test_the_index_notices_other_sentences(root, tmp_path):
    spec = SourceSpec("ref_youtube_vos", root)
    first = load_records(spec, cache_dir=tmp_path / "cache")
    assert load_records(spec, cache_dir=tmp_path / "cache") == first
    asked = {"0": {"exp": "another", "obj_id": 2}}
    sentences(root, {"v1": {"expressions": asked, "frames": ["00005"]}})
    (record,) = load_records(spec, cache_dir=tmp_path / "cache")
    assert (record.expressions[0].text, record.frame_names) == ("another", ("00005",))


def test_a_listed_frame_or_video_that_is_not_there_is_named(root):
    path = sentences(root, {"v1": {"expressions": {}, "frames": ["00000", "00009"]}})
    with pytest.raises(DataError, match=r"has no frame 00009, which .* video 'v1' names"):
        list(open_source(SourceSpec("ref_youtube_vos", root)).records())
    path.write_text(json.dumps({"videos": {"gone": {"expressions": {}, "frames": ["00000"]}}}))
    with pytest.raises(DataError, match="gone"):
        list(open_source(SourceSpec("ref_youtube_vos", root)).records())
    shutil.rmtree(root / "meta_expressions")
    with pytest.raises(DataError, match=r"meta_expressions\.json: no such file"):
        list(open_source(SourceSpec("ref_youtube_vos", root)).records())

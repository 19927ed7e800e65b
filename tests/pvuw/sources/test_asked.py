import json

import pytest

from pvuw.errors import DataError
from pvuw.io.listing import VideoFolder, list_videos
from pvuw.sources.asked import asked_by
from tests.pvuw.sources.layouts import write_frames


@pytest.fixture
def images(tmp_path):
    for name in ("a", "b c"):
        write_frames(tmp_path / "images" / name, [f"{t:05d}.jpg" for t in range(3)])
    return tmp_path / "images"


def ask(text, images):
    return asked_by(text, list_videos(VideoFolder(images)), images=images)


def test_a_sentence_is_asked_of_every_video(images):
    asked = [(q.query_id, q.prompt, q.truth) for q in ask("the dog. runs", images)]
    assert asked == [("a/0", "the dog. runs", None), ("b c/0", "the dog. runs", None)]


def test_lines_are_numbered_by_video(images, tmp_path):
    path = tmp_path / "asked.txt"
    path.write_text("a\tone\nb c\t tab\tinside\n\na\tZwölf\n", encoding="utf-8-sig")
    asked = [(q.query_id, q.prompt) for q in ask(path, images)]
    assert asked == [("a/0", "one"), ("b c/0", " tab\tinside"), ("a/1", "Zwölf")]


def test_a_file_as_mevis_has_it_says_which_frames(images, tmp_path):
    path = tmp_path / "meta_expressions.json"
    videos = {"a": {"frames": ["00000", "00002"], "expressions": {"7": {"exp": "one"}}}}
    path.write_text(json.dumps({"videos": videos}))
    (query,) = ask(str(path), images)
    assert (query.query_id, query.video.frame_names) == ("a/7", ["00000", "00002"])
    query.check()


MEVIS = '{"videos": {"a": {"frames": [%s], "expressions": {%s}}}}'
ONE = '"0": {"exp": "one"}'


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        ("x.txt", b"", "asks nothing"),
        ("x.txt", b"a one", "line 1: has no tab"),
        ("x.txt", b"a\t\xe9t\xe9", "not UTF-8 from byte 2 on"),
        ("x.txt", b".a\tone", "no part empty or hidden"),
        ("x.json", b"{}", "'videos' must be dict"),
        ("x.json", b"[", "not JSON"),
        ("x.json", MEVIS % ('"00000"', f"{ONE}, {ONE}"), "key '0' stands twice"),
        ("x.json", MEVIS % ('"00000"', '"0": {"text": "one"}'), "'exp' must be str"),
        ("x.json", MEVIS % ('"00000"', '"0/1": {"exp": "one"}'), "rename it"),
        ("gone.json", None, "no such file"),
    ],
)
def test_a_file_that_cannot_be_asked_by(images, tmp_path, name, content, line):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError, match=line) as error:
        ask(path, images)
    assert str(error.value).startswith(str(path))
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        ("x.txt", "gone\tone", "x.txt, line 1: no such video in"),
        ("x.txt", "a\t  ", "a/0: the sentence is empty"),
        ("x.txt", "a\t" + "x" * 5000, "a/0: the sentence has 5000 characters"),
        ("x.json", MEVIS % ('"00001", "00009"', ONE), "has no frame 00009"),
        ("x.json", MEVIS % ("", ONE), "names no frames"),
        ("x.json", MEVIS % ('"00001", "00001"', ONE), "names frame 00001 twice"),
        ("x.json", MEVIS % ('"00001"', r'"0": {"exp": "\udce9"}'), "is not UTF-8"),
    ],
)
def test_what_is_wrong_with_one_is_told_when_it_is_run(images, tmp_path, name, content, line):
    path = tmp_path / name
    path.write_text(content)
    (query,) = ask(path, images)
    with pytest.raises(DataError, match=line) as error:
        query.check()
    assert len(str(error.value).splitlines()) == 1

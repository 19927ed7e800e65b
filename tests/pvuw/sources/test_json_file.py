import json
import os
import tracemalloc

import pytest

from pvuw.errors import DataError
from pvuw.io.text import read_json
from pvuw.sources import json_file
from pvuw.sources.json_file import JsonFile, member

CONTENTS = [
    {},
    {"a": []},
    {"a": [1]},
    {"info": {"x": [1, {"y": "]}"}]}, "a": [{"n": 1}, [], None, 'ü\\"', 1.5e3], "b": 7},
    {"b": None, "a": [{"name": "Zébra 動物 \U0001f993", "runs": [[1, 2], [3]]}], "ä": True},
    {"a": {"not": "an array"}, "z": [0]},
]
STYLES = [
    {},
    {"indent": 2},
    {"separators": (",", ":")},
    {"ensure_ascii": False},
    {"ensure_ascii": False, "indent": 1},
]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("style", STYLES, ids=str)
@pytest.mark.parametrize("content", CONTENTS, ids=range(len(CONTENTS)))
def test_walking_finds_everything_and_every_range_reads_back(tmp_path, content, style, encoding):
    path = tmp_path / "a.json"
    path.write_text(json.dumps(content, **style), encoding=encoding)
    file = JsonFile.of(path)
    expected = [
        (key, element)
        for key, value in content.items()
        for element in (value if key == "a" and isinstance(value, list) else [value])
    ]
    found = list(file.elements(["a"]))
    assert [(key, value) for key, value, _ in found] == expected
    assert list(file.read([span for *_, span in found])) == [value for _, value in expected]


@pytest.mark.parametrize("chunk", [1, 7, 64])
def test_a_part_at_a_time_gives_what_the_whole_gives(tmp_path, monkeypatch, chunk):
    path = tmp_path / "a.json"
    content = {"n": -12.5e-3, "i": 1234567, "a": [{"runs": "ab" * 60, "é": None}, 3, True], "z": []}
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8")
    whole = list(JsonFile.of(path).elements(["a"]))
    monkeypatch.setattr(json_file, "_CHUNK", chunk)
    assert list(JsonFile.of(path).elements(["a"])) == whole


def test_a_large_file_is_never_held_whole(tmp_path):
    path = tmp_path / "a.json"
    with path.open("w") as file:
        file.write('{"0": [')
        for i in range(1, 3000):
            file.write(f'"{"x" * 20000}"], "{i}": [')
        file.write("]}")
    assert path.stat().st_size > 50e6
    tracemalloc.start()
    assert sum(1 for _ in JsonFile.of(path).elements(())) == 3000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20e6


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[1]",
        '{"a": [1, 2',
        '{"a": [1 2]}',
        '{"a" 1}',
        '{"a": [1,]}',
        '{"a": 1',
        '{"a": "\xff"}',
    ],
)
def test_a_damaged_file_is_named(tmp_path, text):
    path = tmp_path / "a.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(DataError, match="download the file again") as error:
        list(JsonFile.of(path).elements(["a"]))
    assert str(error.value).startswith(f"{path}: not a complete JSON object")


def test_a_file_that_changed_is_not_read_by_old_ranges(tmp_path):
    path = tmp_path / "a.json"
    path.write_text('{"a": [10, 20]}')
    file = JsonFile.of(path)
    spans = [span for *_, span in file.elements(["a"])]
    assert file.read(spans) == (10, 20)
    path.write_text('{"a": [1, 200]}')  # as long as before
    os.utime(path, ns=(file.mtime_ns + 1, file.mtime_ns + 1))
    with pytest.raises(DataError, match="changed since it was listed"):
        file.read(spans)
    path.unlink()
    with pytest.raises(DataError, match="cannot be read any more"):
        file.read(spans)


def test_missing_and_damaged_small_files_are_named(tmp_path):
    with pytest.raises(DataError, match=r"gone\.json: no such file"):
        read_json(tmp_path / "gone.json")
    with pytest.raises(DataError, match=r"gone\.json: no such file"):
        JsonFile.of(tmp_path / "gone.json")
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(DataError, match=r"bad\.json: not JSON"):
        read_json(tmp_path / "bad.json")


def test_a_member_of_the_wrong_type_is_named():
    assert member({"n": 1}, "n", place="a.json", kind=int) == 1
    with pytest.raises(DataError, match=r"a\.json: 'n' must be list or dict, got int"):
        member({"n": 1}, "n", place="a.json", kind=(list, dict))
    with pytest.raises(DataError, match="'m' must be int, got NoneType"):
        member({"n": 1}, "m", place="a.json", kind=int)

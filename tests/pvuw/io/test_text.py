import os

import pytest

from pvuw.errors import DataError
from pvuw.io.text import plain_id, read_ids, read_json, read_text

LINES = ["bear", "dog jump", "a#1", "Übung"]


def written(tmp_path, content):
    path = tmp_path / "list.txt"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lists_of_all_editors_read_alike(tmp_path, encoding, end):
    mark = "\ufeff" if encoding.endswith(("-le", "-be")) else ""
    path = written(tmp_path, (mark + end.join(LINES) + end).encode(encoding))
    assert read_ids(path) == LINES


@pytest.mark.parametrize(
    "text",
    [
        "bear\ndog",
        "bear/\ndog/\n",
        "./bear\n./dog\n",
        ".\\bear\\\r\n.\\dog\\\r\n",
        "  bear \t\n\n \ndog  \n\n",
        "# kept out\nbear # twice checked\n\t#\ndog\n",
    ],
)
def test_what_listing_a_folder_adds_does_not_count(tmp_path, text):
    assert read_ids(written(tmp_path, text.encode())) == ["bear", "dog"]


def test_lines_end_at_line_ends_only(tmp_path):
    # str.splitlines would also cut at these, which are legal in a file name.
    assert read_ids(written(tmp_path, "a\x0bb\nc\x85d\n".encode())) == ["a\x0bb", "c\x85d"]


@pytest.mark.parametrize("text", ["", "\n \n", "\ufeff", "# nothing\n", "/\n./\n"])
def test_list_of_nothing_is_refused(tmp_path, text):
    with pytest.raises(DataError, match=r"list\.txt: names no video"):
        read_ids(written(tmp_path, text.encode()))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"bear\nd\xf6g", "not UTF-8 from byte 6 on"),
        ("bear\n".encode("utf-16-le"), "holds zero bytes"),
        (b"\xff\xfea", "not UTF-8 from byte"),
    ],
)
def test_no_text_is_refused(tmp_path, content, message):
    with pytest.raises(DataError, match=rf"list\.txt: {message}.*one id a line"):
        read_ids(written(tmp_path, content))


def test_folder_and_missing_file_are_named(tmp_path):
    with pytest.raises(DataError, match=r"gone\.txt: no such file; it should be a text file"):
        read_text(tmp_path / "gone.txt")
    with pytest.raises(DataError, match="cannot be read"):
        read_text(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_file_without_rights_is_named(tmp_path):
    path = written(tmp_path, b"a")
    path.chmod(0)
    with pytest.raises(DataError, match=r"list\.txt: cannot be read \(Permission denied\)"):
        read_text(path)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_json_of_all_editors_reads_alike(tmp_path, encoding):
    path = written(tmp_path, '{\r\n"videos": {"ü": 1}}\r\n'.encode(encoding))
    assert read_json(path) == {"videos": {"ü": 1}}


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, '{"a": ' + "9" * 10_000 + "}"])
def test_broken_json_is_refused(tmp_path, text):
    with pytest.raises(DataError, match=r"list\.txt: not JSON"):
        read_json(written(tmp_path, text.encode()))


def test_plain_id_keeps_what_belongs_to_a_name():
    assert [plain_id(name) for name in ("a/b/", "..", ".hidden", "a.b ")] == [
        "a/b",
        "..",
        ".hidden",
        "a.b",
    ]

import pytest

from pvuw.io.atomic import atomic_path, write_bytes_atomic, write_text_atomic


def test_file_appears_under_its_name_with_parents(tmp_path):
    target = tmp_path / "a" / "b" / "file.txt"
    write_text_atomic(target, "grün")
    assert target.read_text(encoding="utf-8") == "grün"
    write_bytes_atomic(target, b"\0")
    assert target.read_bytes() == b"\0"
    assert [path.name for path in target.parent.iterdir()] == ["file.txt"]


def test_target_does_not_exist_before_the_block_ends(tmp_path):
    target = tmp_path / "file"
    with atomic_path(target) as temporary:
        temporary.write_text("half")
        assert temporary.parent == target.parent
        assert temporary.name.startswith(".")
        assert not target.exists()
    assert target.read_text() == "half"


def write_half(target, error):
    with atomic_path(target) as temporary:
        temporary.write_text("half")
        raise error


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_error_keeps_the_old_file_and_leaves_nothing(tmp_path, error):
    target = tmp_path / "file"
    target.write_text("old")
    with pytest.raises(error):
        write_half(target, error)
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_block_that_writes_nothing_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError), atomic_path(tmp_path / "file"):
        pass
    assert list(tmp_path.iterdir()) == []

import pytest

from pvuw.errors import DataError
from pvuw.mose_plus.cache import ResultCache


def filled(path):
    with ResultCache(path) as cache:
        cache.put("a", "1", {"x": 1})
        cache.put("b", "1", {"x": [2, None]})
    return path


def test_results_come_back_for_the_same_fingerprint_only(tmp_path):
    cache = ResultCache(filled(tmp_path / "deep" / "c.jsonl"))
    assert cache.get("a", "1") == {"x": 1}
    assert cache.get("b", "1") == {"x": [2, None]}
    assert cache.get("a", "2") is None
    assert cache.get("c", "1") is None


def test_last_line_of_a_key_counts(tmp_path):
    path = filled(tmp_path / "c.jsonl")
    with ResultCache(path) as cache:
        cache.put("a", "2", {"x": 9})
    assert ResultCache(path).get("a", "2") == {"x": 9}
    assert ResultCache(path).get("a", "1") is None


@pytest.mark.parametrize("cut", [1, 5, 30])
def test_torn_last_line_is_forgotten_and_swallows_nothing(tmp_path, cut):
    path = filled(tmp_path / "c.jsonl")
    path.write_bytes(path.read_bytes()[:-cut])
    with ResultCache(path) as cache:
        assert cache.get("a", "1") == {"x": 1}
        assert cache.get("b", "1") == ({"x": [2, None]} if cut == 1 else None)
        cache.put("c", "1", {"x": 3})
    again = ResultCache(path)
    assert again.get("a", "1") == {"x": 1}
    assert again.get("c", "1") == {"x": 3}


@pytest.mark.parametrize("start", [b"", b'{"form'])
def test_file_torn_inside_its_first_line_is_used(tmp_path, start):
    path = tmp_path / "c.jsonl"
    path.write_bytes(start)
    with ResultCache(path) as cache:
        cache.put("a", "1", {})
    assert ResultCache(path).get("a", "1") == {}


def test_every_result_is_in_the_file_at_once(tmp_path):
    path = tmp_path / "c.jsonl"
    cache = ResultCache(path)
    for i in range(3):
        cache.put(str(i), "1", {"i": i})
        assert ResultCache(path).get(str(i), "1") == {"i": i}
    cache.close()


def test_another_file_is_not_overwritten(tmp_path):
    path = tmp_path / "notes.jsonl"
    path.write_text('{"my": "notes"}\n')
    with pytest.raises(DataError, match="delete it or name another"):
        ResultCache(path)
    assert path.read_text() == '{"my": "notes"}\n'


def test_without_a_path_results_live_as_long_as_the_cache():
    cache = ResultCache(None)
    cache.put("a", "1", {"x": 1})
    assert cache.get("a", "1") == {"x": 1}

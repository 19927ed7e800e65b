from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pvuw.errors import DataError
from pvuw.io.typed_yaml import load_yaml


@dataclass(frozen=True, kw_only=True)
class Inner:
    root: Path
    limit: int | None = None


@dataclass(frozen=True, kw_only=True)
class Outer:
    name: str
    share: float = 0.5
    parts: tuple[Inner, ...] = ()
    words: tuple[str, ...] = ()
    table: dict[str, Inner] = field(default_factory=dict)
    one: Inner | None = None
    free: dict[str, Any] = field(default_factory=dict)
    flag: bool = False

    def __post_init__(self):
        if self.share > 1:
            raise DataError(f"share: must be at most 1, got {self.share}; lower it")


def load(tmp_path, text):
    path = tmp_path / "c.yaml"
    path.write_text(text)
    return load_yaml(path, into=Outer)


def test_every_kind_of_field(tmp_path):
    loaded = load(
        tmp_path,
        """
        name: x
        share: 1
        parts: [{root: a/b, limit: 3}, {root: c, limit: null}]
        words: single
        table: {k: {root: d}}
        one: {root: e}
        free: {anything: [1, two]}
        flag: true
        """,
    )
    assert loaded == Outer(
        name="x",
        share=1.0,
        parts=(Inner(root=Path("a/b"), limit=3), Inner(root=Path("c"))),
        words=("single",),
        table={"k": Inner(root=Path("d"))},
        one=Inner(root=Path("e")),
        free={"anything": [1, "two"]},
        flag=True,
    )
    assert isinstance(loaded.share, float)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "name: x\nshar: 1",
            r"c\.yaml: shar: unknown key; did you mean share\? choose from name, share",
        ),
        ("share: 1", r"c\.yaml: name: missing"),
        ("", r"c\.yaml: name: missing"),
        ("name: x\nparts: [{root: a}, {limit: 1}]", r"parts\[1\]\.root: missing"),
        ("name: x\ntable: {k: {root: a, size: 1}}", r"table\.k\.size: unknown key"),
        ("name: 0123", r"name: must be of type str, got 83; put it in quotes"),
        ("name: x\nshare: true", r"share: must be of type float, got True"),
        ("name: x\nflag: 1", r"flag: must be of type bool, got 1"),
        ("name: x\none: 5", r"one: must be keys and values, got 5"),
        ("name: x\nwords: [a, 2]", r"words\[1\]: must be of type str, got 2"),
        ("name: x\nshare: 2", r"c\.yaml: share: must be at most 1, got 2\.0; lower it"),
        ("- a", r"c\.yaml: must be keys and values"),
        ("name: [", r"c\.yaml: not valid YAML"),
    ],
)
def test_errors_name_file_and_key(tmp_path, text, message):
    with pytest.raises(DataError, match=message) as caught:
        load(tmp_path, text)
    assert "\n" not in str(caught.value)


def test_missing_file(tmp_path):
    with pytest.raises(DataError, match=r"gone\.yaml: no such file"):
        load_yaml(tmp_path / "gone.yaml", into=Outer)

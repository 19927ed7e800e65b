"""YAML files as typed dataclasses: every key is checked, every error names it.

Settings, recipes of ensembles and the lines of a build's manifest are read by the same rules.
"""

import dataclasses
import difflib
import functools
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml

from pvuw.errors import DataError
from pvuw.io.text import read_text

T = TypeVar("T")
_SCALARS = (str, int, float, bool)


def load_yaml(path: Path, *, into: type[T]) -> T:
    """Return a YAML file as an instance of a dataclass.

    Keys that are left out take the field's default. Fields may be `str`, `int`, `float`, `bool`,
    `Path`, another dataclass, `tuple[X, ...]` (a YAML list, or a single value for a tuple of one),
    `tuple[X, X]`, `dict[str, X]`, `Any`, and each of these or None.

    Args:
        path: The file.
        into: A dataclass.

    Raises:
        DataError: If the file is missing or no YAML, a key is unknown or missing, or a value has
            the wrong type; the line names the file, the key and what is accepted.
    """
    return from_mapping(read_yaml(path), into=into, place=f"{path}: ")


def read_yaml(path: Path) -> Any:
    """Return what a YAML file says; nothing said is an empty mapping.

    Raises:
        DataError: If the file is missing or no YAML.
    """
    try:
        content = yaml.safe_load(read_text(path, what="a file of settings (YAML)"))
    except yaml.YAMLError as error:
        line = " ".join(str(error).split())
        raise DataError(f"{path}: not valid YAML ({line}); correct the line") from error
    return {} if content is None else content


def from_mapping(content: Any, *, into: type[T], place: str) -> T:
    """Return what YAML or JSON gave as an instance of a dataclass, by the rules of `load_yaml`.

    Args:
        content: A mapping.
        into: A dataclass.
        place: What errors start with: the file, and the line where that is known.

    Raises:
        DataError: If a key is unknown or missing, or a value has the wrong type.
    """
    return _dataclass(into, content, place=place)


def _dataclass(cls: type[T], value: Any, *, place: str) -> T:
    if not isinstance(value, Mapping):
        raise _wrong(place, "keys and values", value)
    assert dataclasses.is_dataclass(cls)
    fields = {field.name: field for field in dataclasses.fields(cls)}
    for key in value:
        if key not in fields:
            near = difflib.get_close_matches(str(key), fields, 1)
            meant = f"did you mean {near[0]}? " if near else ""
            raise DataError(f"{place}{key}: unknown key; {meant}choose from {', '.join(fields)}")
    for name, field in fields.items():
        required = field.default is field.default_factory is dataclasses.MISSING
        if required and name not in value:
            raise DataError(f"{place}{name}: missing; it has no default, add it")
    kinds = _type_hints(cls)
    members = {key: _value(kinds[key], item, place=f"{place}{key}") for key, item in value.items()}
    try:
        return cls(**members)
    except DataError as error:  # what the class itself finds wrong, such as a limit below zero
        raise DataError(f"{place}{error}") from error


_type_hints = functools.cache(typing.get_type_hints)


def _value(kind: Any, value: Any, *, place: str) -> Any:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return value
    if origin in (types.UnionType, typing.Union):
        return _optional(arguments, value, place=place)
    if origin is tuple:
        items = value if isinstance(value, list | tuple) else [value]
        if arguments[-1] is not Ellipsis and len(items) != len(arguments):
            raise _wrong(f"{place}: ", f"{len(arguments)} values", value)
        return tuple(_value(arguments[0], v, place=f"{place}[{i}]") for i, v in enumerate(items))
    if origin is dict:
        if not isinstance(value, Mapping):
            raise _wrong(f"{place}: ", "keys and values", value)
        return {k: _value(arguments[1], v, place=f"{place}.{k}") for k, v in value.items()}
    if dataclasses.is_dataclass(kind):
        return _dataclass(typing.cast(type[Any], kind), value, place=f"{place}.")
    return _scalar(kind, value, place=place)


def _optional(kinds: tuple[Any, ...], value: Any, *, place: str) -> Any:
    (kind,) = (kind for kind in kinds if kind is not type(None))
    return None if value is None else _value(kind, value, place=place)


def _scalar(kind: Any, value: Any, *, place: str) -> Any:
    if kind is Path and isinstance(value, str):
        return Path(value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if kind in _SCALARS and type(value) is kind:
        return value
    # YAML reads a video id such as 0012 or 1e10 as a number unless it is quoted.
    fix = "put it in quotes" if kind is str else "correct it"
    raise _wrong(f"{place}: ", f"of type {kind.__name__}", value, fix=fix)


def _wrong(place: str, wanted: str, value: Any, *, fix: str = "correct it") -> DataError:
    return DataError(f"{place.rstrip('.: ')}: must be {wanted}, got {value!r}; {fix}")

"""The list of a source's videos, kept in a file so that the next start opens no annotation."""

import dataclasses
import fcntl
import gc
import hashlib
import json
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin

from tqdm import tqdm

from pvuw.errors import DataError
from pvuw.io.atomic import write_text_atomic
from pvuw.io.expressions import Expression
from pvuw.io.png_masks import PngMasks
from pvuw.io.records import ObjectInfo, VideoRecord
from pvuw.parallel import map_in_order
from pvuw.sources import SourceSpec, open_source
from pvuw.sources.base import Reader
from pvuw.sources.burst import BurstMasks
from pvuw.sources.json_file import JsonFile
from pvuw.sources.mevis import MevisMasks
from pvuw.sources.ref_coco import StillMasks
from pvuw.sources.sav import ObjectFolderMasks
from pvuw.sources.sav_masklets import MaskletMasks
from pvuw.sources.vis import VisMasks

_CLASSES: dict[str, type[Any]] = {
    cls.__name__: cls
    for cls in (
        VideoRecord,
        ObjectInfo,
        Expression,
        JsonFile,
        PngMasks,
        ObjectFolderMasks,
        VisMasks,
        BurstMasks,
        MaskletMasks,
        MevisMasks,
        StillMasks,
    )
}
_TAG = "//class"  # no folder, and so no unit, can have this name
_CHUNK = 16

_Units = dict[str, tuple[str, list[VideoRecord]]]
"""Unit -> its stamp and its videos."""


def load_records(
    spec: SourceSpec, *, cache_dir: Path | None = None, workers: int = 1
) -> list[VideoRecord]:
    """Return all videos of a source, opening only what changed since the last call.

    A folder counts as changed when a file in it came, went or was replaced under another name, an
    annotation file when its size or time differs. What was listed before an error or a Ctrl-C stays
    listed.

    Args:
        spec: The source.
        cache_dir: Folder of the index files; None: list everything anew.
        workers: Processes that list folders in parallel. Annotation files are read in one.

    Raises:
        DataError: If the source, one of its videos or a file is not as it should be.
    """
    reader = open_source(spec)
    stamps = reader.stamps()
    path = None if cache_dir is None else cache_dir / _file_name(spec)
    units = _current(path, stamps)
    if path is None or len(units) < len(stamps):
        with _alone_at(path):
            if path is not None:  # another process may have listed it meanwhile
                units = _current(path, stamps)
            missing = [unit for unit in stamps if unit not in units]
            try:
                for unit, records in _list(reader, missing, workers):
                    units[unit] = (stamps[unit], records)
            finally:
                if path is not None and missing:
                    write_text_atomic(path, _dump(units))
    return [record for unit in stamps for record in units[unit][1]]


def _current(path: Path | None, stamps: dict[str, str]) -> _Units:
    """Return what an index file holds of the units as they are now."""
    known = {} if path is None else _read(path)
    return {
        unit: known[unit] for unit, stamp in stamps.items() if known.get(unit, ("",))[0] == stamp
    }


@contextmanager
def _alone_at(path: Path | None) -> Iterator[None]:
    """Keep other processes from listing the same; they wait, and find the index that is left."""
    if path is None:
        yield
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_suffix(".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError as error:
            raise DataError(
                f"{path.parent}: its file system cannot lock a file ({error.strerror}); give "
                "another folder for the index"
            ) from error
        yield


def _list(
    reader: Reader, units: Sequence[str], workers: int
) -> Iterator[tuple[str, list[VideoRecord]]]:
    """Yield each unit with its videos, in any order."""
    chunks = [units[i : i + _CHUNK] for i in range(0, len(units), _CHUNK)]
    name = reader.facts.name
    lists = map_in_order(
        partial(_read_chunk, reader),
        chunks,
        workers=min(workers, len(chunks)),
        name=lambda chunk: f"{name}, {chunk[0]} to {chunk[-1]}",
    )
    with tqdm(total=len(units), desc=f"listing {name}", unit="unit", disable=None) as bar:
        for found in lists:
            bar.update(len(found))
            yield from found.items()


def _read_chunk(reader: Reader, units: Sequence[str]) -> dict[str, list[VideoRecord]]:
    found: dict[str, list[VideoRecord]] = {unit: [] for unit in units}
    for unit, record in reader.read(units):
        found[unit].append(record)
    return found


def _file_name(spec: SourceSpec) -> str:
    identity = f"{spec.root.resolve()} {spec.variant}"
    digest = hashlib.sha256(identity.encode()).hexdigest()[:16]
    return f"{spec.source}-{spec.split}-{digest}.json"


def _format() -> str:
    """Return a text that changes when the fields of what is stored do."""
    return _TAG + " ".join(
        f"{name}:{','.join(field.name for field in dataclasses.fields(cls))}"
        for name, cls in _CLASSES.items()
    )


def _shared_fields(cls: type[Any]) -> frozenset[str]:
    """Return the fields of a class that hold tuples of plain values."""
    return frozenset(field.name for field in dataclasses.fields(cls) if _is_plain_tuple(field.type))


def _is_plain_tuple(kind: Any) -> bool:
    if isinstance(kind, UnionType):  # a tuple or None
        return any(map(_is_plain_tuple, get_args(kind)))
    return get_origin(kind) is tuple and not dataclasses.is_dataclass(get_args(kind)[0])


_SHARED = {cls: _shared_fields(cls) for cls in _CLASSES.values()}


def _dump(units: _Units) -> str:
    """Return three lines: the format, a list of the tuples records hold, the records.

    Thousands of videos have the same frame names and positions. Each tuple is written once and
    records name it by its place: that makes loading three times as fast and keeps memory small.
    """
    places: dict[tuple[Any, ...], int] = {}

    def to_json(value: Any) -> dict[str, Any]:
        if isinstance(value, Path):
            return {_TAG: "Path", "path": str(value)}
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        for name in _SHARED[type(value)]:
            if fields[name] is not None:
                fields[name] = places.setdefault(fields[name], len(places))
        return {_TAG: type(value).__name__, **fields}

    records = json.dumps(units, default=to_json, separators=(",", ":"))
    return "\n".join([_format(), json.dumps(list(places), separators=(",", ":")), records])


def _read(path: Path) -> _Units:
    """Return what an index file holds; nothing if it is of another format."""
    if not path.exists():
        return {}
    try:
        written_as, *lines = path.read_text(encoding="utf-8").split("\n")
        if written_as != _format():
            return {}
        with _no_collection():
            return _parse(*lines)
    except (ValueError, KeyError, TypeError, IndexError) as error:
        warnings.warn(f"{path}: damaged index ({error}); listing again", stacklevel=2)
        return {}


def _parse(tuples: str, records: str) -> _Units:
    shared = [_tuple(values) for values in json.loads(tuples)]

    def from_json(fields: dict[str, Any]) -> Any:
        name = fields.pop(_TAG, None)
        if name is None:
            return fields
        if name == "Path":
            return Path(fields["path"])
        cls = _CLASSES[name]
        for key in _SHARED[cls]:
            fields[key] = None if fields[key] is None else shared[fields[key]]
        if cls is VideoRecord:
            fields["objects"] = tuple(fields["objects"])
            fields["expressions"] = tuple(fields["expressions"])
        return cls(**fields)

    units = json.loads(records, object_hook=from_json)
    return {unit: (stamp, found) for unit, (stamp, found) in units.items()}


def _tuple(values: list[Any]) -> tuple[Any, ...]:
    return tuple(tuple(value) if isinstance(value, list) else value for value in values)


@contextmanager
def _no_collection() -> Iterator[None]:
    """Keep the garbage collector from walking a million new objects again and again."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()

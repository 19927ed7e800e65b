"""An ensemble's folder: masks and a record of who was believed, each answer whole or not at all."""

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pvuw.errors import DataError
from pvuw.io.atomic import hidden_name, write_text_atomic
from pvuw.io.mask_tree import MASKS
from pvuw.io.tree_writer import PARTIAL, MaskTreeWriter, MaskWrite

MARKER = "ensemble.json"
RECORDS = "agreement"

Note = Callable[[Mapping[str, Any]], None]
"""Adds a line to a record; the first one holds the stamp."""


def claim_folder(out: Path, summary: Mapping[str, Any]) -> None:
    """Make an ensemble's folder and note what goes into it.

    Args:
        out: The folder; answers in it that were made from other inputs are made again.
        summary: Method and members, for people to read.

    Raises:
        DataError: If the folder holds masks that something else wrote.
    """
    masks = out / MASKS
    if masks.is_dir() and any(masks.iterdir()) and not (out / MARKER).is_file():
        raise DataError(f"{masks}: holds masks that no ensemble wrote; give another --out")
    MaskTreeWriter(masks).remove_left_overs()
    for left_over in (out / RECORDS).rglob(f".*{PARTIAL}"):
        left_over.unlink()
    write_text_atomic(out / MARKER, json.dumps(summary, indent=1) + "\n")


def stamp_of(out: Path, query_id: str) -> str | None:
    """Return what a finished answer was made from; None: it is not finished.

    Raises:
        DataError: If its record is not one of ours.
    """
    record = _record_of(out, query_id)
    if not (out / MASKS / query_id).is_dir() or not record.is_file():
        return None
    try:
        with record.open(encoding="utf-8") as lines:
            return str(json.loads(lines.readline())["stamp"])
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{record}: not written by pvuw; remove it and run again") from error


@contextmanager
def answer_of(out: Path, query_id: str) -> Iterator[tuple[MaskWrite, Note]]:
    """Take masks and record of a query; the former are written while the next are decided.

    The block's success makes both appear, after an error nothing of the answer is left.

    Args:
        out: The ensemble's folder.
        query_id: The query.

    Raises:
        PvuwError: If the disk refuses.
    """
    final, record = out / MASKS / query_id, _record_of(out, query_id)
    partial = record.with_name(hidden_name(record.stem, PARTIAL))
    record.parent.mkdir(parents=True, exist_ok=True)
    try:
        with MaskTreeWriter(out / MASKS).masks_of(query_id) as write:
            with partial.open("w", encoding="utf-8") as lines:

                def note(line: Mapping[str, Any]) -> None:
                    lines.write(json.dumps(line, separators=(",", ":")) + "\n")

                yield write, note
            # In this order, the masks last, a kill at any moment leaves an unfinished answer.
            record.unlink(missing_ok=True)
            if final.exists():
                shutil.rmtree(final)
            partial.rename(record)
    finally:
        partial.unlink(missing_ok=True)


def _record_of(out: Path, query_id: str) -> Path:
    return out / RECORDS / f"{query_id}.jsonl"

"""Finds an ensemble's members from the folder of its answer."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pvuw.ensemble.members.folders import Member
from pvuw.errors import DataError
from pvuw.io.mask_tree import MaskTree
from pvuw.report.settings import Ensemble
from pvuw.report.sides import MaskSource

_MARKER = "ensemble.json"
_RECORDS = "agreement"


def name_members(words: Sequence[str]) -> dict[str, Path]:
    """Return the masks of each member that `[NAME=]DIR` words name, in their order.

    Raises:
        DataError: If a folder holds no masks, or two have one name.
    """
    given: dict[str, Path] = {}
    for word in words:
        name, _, folder = word.rpartition("=") if not Path(word).exists() else ("", "", word)
        found = Member.find(Path(folder), name=name or None)
        if found.name in given:
            raise DataError(f"--members {word}: two are called {found.name}; give NAME=DIR each")
        given[found.name] = found.masks
    return given


def find_ensemble(masks: Path, given: Mapping[str, Path]) -> tuple[Ensemble | None, list[str]]:
    """Return the members of an answer, and a note on those whose masks are not found.

    Args:
        masks: The answer, `<video>/<frame>.png`.
        given: Masks of members by name, the same kind of folder; empty: as `ensemble.json` beside
            the answer says, or in `members/<name>-*`. None are found where nothing says that the
            answer is an ensemble's.
    """
    root = masks.parent if masks.name == "Annotations" else masks
    records = root / _RECORDS if (root / _RECORDS).is_dir() else None
    if given:
        return Ensemble(tuple(_source(*item) for item in given.items()), records), []
    if not (root / _MARKER).is_file():
        return None, []
    said = _read(root / _MARKER)
    if said is None:
        return None, [f"{root / _MARKER}: not written by pvuw ensemble, so no members are shown"]
    places = {name: _place(root, name, said.get("masks", {}).get(name)) for name in said["members"]}
    found = tuple(_source(name, folder) for name, folder in places.items() if folder is not None)
    lost = [name for name, folder in places.items() if folder is None]
    words = " ".join(f"{name}=DIR" for name in places)
    notes = [f"{root}: masks of {', '.join(lost)} are not found; give --members {words}"]
    return Ensemble(found, records) if found else None, notes if lost else []


def _source(name: str, masks: Path) -> MaskSource:
    return MaskSource(name, masks, may_be_sparse=True, may_be_resized=True)


def _read(marker: Path) -> dict[str, Any] | None:
    try:
        said = json.loads(marker.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(said, dict) or not isinstance(said.get("members"), dict):
        return None
    return said if isinstance(said.get("masks", {}), dict) else None


def _place(root: Path, name: str, said: str | None) -> Path | None:
    """Return where a member's masks are; None: not where they were, nor in a folder of its own."""
    if said is not None and (root / said).is_dir():
        return root / said
    own = [folder for folder in (root / "members").glob(f"{name}-*") if folder.is_dir()]
    return MaskTree.find(own[0]).root if len(own) == 1 and any(own[0].glob("**/*.png")) else None

"""A recipe of an ensemble: its members and what is done with their masks."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pvuw.errors import PvuwError
from pvuw.io.typed_yaml import from_mapping, read_yaml
from pvuw.metrics.names import VIDEO_PROTOCOL_NAMES


@dataclass(frozen=True)
class MemberRecipe:
    """One member of a recipe."""

    name: str
    config: str
    """Recipe that `pvuw predict` takes, here or under the shipped configs."""
    weights: str | None = None
    """File of weights for `--model.net.weights`; None: those of its recipe."""
    checkpoint: str | None = None
    """Checkpoint of a run, for `--ckpt_path`."""
    weight: float = 1.0
    """Its historical performance, such as a published J&F."""
    args: tuple[str, ...] = ()
    """More words for `pvuw predict`."""


@dataclass(frozen=True)
class EnsembleRecipe:
    """Members and what is done with their masks."""

    members: tuple[MemberRecipe, ...]
    """In order of priority."""
    method: str = "fuse"
    """`vote`, `fuse` or `select`."""
    granularity: str = "video"
    """Of `select`: `video`, `object` or `frame`."""
    database: str | None = None
    """Recorded performance; None: members are judged by `weight`."""
    protocol: str = "mose"
    """Whose scores of the database count."""
    probabilities: bool = True
    """Whether members keep probabilities, which gives `fuse` their own confidence."""


def read_recipe(path: Path) -> EnsembleRecipe:
    """Return a recipe of members.

    Raises:
        PvuwError: If the file cannot be read or says anything unknown.
    """
    content = read_yaml(path)
    members = content.pop("members", None) if isinstance(content, dict) else None
    if not isinstance(members, dict) or not members:
        raise PvuwError(f"{path}: no recipe of an ensemble; it needs 'members: {{NAME: …}}'")
    recipe = from_mapping({**content, "members": []}, into=EnsembleRecipe, place=f"{path}: ")
    recipe = replace(recipe, members=tuple(_member(path, *item) for item in members.items()))
    choices = {
        "method": ("vote", "fuse", "select"),
        "granularity": ("video", "object", "frame"),
        "protocol": VIDEO_PROTOCOL_NAMES,
    }
    for key, allowed in choices.items():
        if getattr(recipe, key) not in allowed:
            raise PvuwError(
                f"{path}: {key} is {getattr(recipe, key)!r}; choose one of {', '.join(allowed)}"
            )
    return recipe


def _member(path: Path, name: str, says: Any) -> MemberRecipe:
    named = {**says, "name": str(name)} if isinstance(says, dict) else says
    return from_mapping(named, into=MemberRecipe, place=f"{path}: members.{name}.")


def with_weights(recipe: EnsembleRecipe, words: Sequence[str]) -> EnsembleRecipe:
    """Return the recipe with other weights.

    Args:
        recipe: A recipe.
        words: `NAME=FILE` each.

    Raises:
        PvuwError: If a word is none of that kind, or names no member.
    """
    given = dict[str, str]()
    for word in words:
        name, _, path = word.partition("=")
        if not path or name not in [member.name for member in recipe.members]:
            raise PvuwError(f"--weights {word}: must be NAME=FILE with NAME a member of the recipe")
        given[name] = path
    members = (
        replace(member, weights=given.get(member.name, member.weights)) for member in recipe.members
    )
    return replace(recipe, members=tuple(members))

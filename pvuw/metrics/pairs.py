"""Which truth belongs to which predicted masks, and what of either is missing."""

import typing
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pvuw.io.folder import shorten
from pvuw.io.mask_store import MaskStore
from pvuw.io.mask_tree import MaskTree, QueryKind
from pvuw.io.masks import AUTO, VoidId
from pvuw.metrics.protocols import Protocol, get_protocol

MissingRule = Literal["error", "zero"]


class Predicted(typing.Protocol):
    """Where predicted masks are, by query and frame: a `MaskTree`, or what stands for one."""

    @property
    def root(self) -> Path:
        """The folder or file they are in."""

    def queries(self, kind: QueryKind | None = None) -> list[str]:
        """Return the ids of all queries, sorted; refuse those of another kind."""

    def folder(self, query_id: str) -> Path:
        """Return the place of a query's masks, there or not."""

    def frames(self, query_id: str) -> list[str]:
        """Return the names of the frames that have a mask; none for an unknown query."""

    def masks(self, query_id: str, frames: Sequence[str]) -> MaskStore:
        """Return the masks of a query by position in `frames`."""


@dataclass(frozen=True)
class Truth:
    """What is right for one query."""

    query_id: str
    frame_names: Sequence[str]
    """Stem of every frame with truth, in time order."""
    masks: MaskStore
    """By position in `frame_names`."""
    where: str
    """Its place, for messages."""


@dataclass(frozen=True)
class ScoredPair:
    """One query's truth and predicted masks, by position in `frame_names`."""

    query_id: str
    frame_names: Sequence[str]
    truth: MaskStore
    prediction: MaskStore | None
    """None: there is nothing, and that is to be scored 0."""
    where: str
    """Place of the predicted masks, for messages."""
    missing: frozenset[str] = frozenset()
    """Scored frames without a prediction."""


@dataclass
class TreePair:
    """Truth and a tree of predicted masks side by side."""

    pairs: list[ScoredPair] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    """One line per reason why they cannot be scored."""
    notes: list[str] = field(default_factory=list)
    """One line per thing the user may want to know."""


def pair_trees(
    truth: Path,
    prediction: Path,
    protocol: str,
    *,
    void_id: VoidId = AUTO,
    missing: MissingRule = "error",
) -> TreePair:
    """Return the queries of two trees of masks side by side, with everything that is missing.

    Args:
        truth: A tree of masks, or a folder around one; see `MaskTree.find`.
        prediction: The same with predictions.
        protocol: Says what is scored, and which frames count; one of `PROTOCOL_NAMES`.
        void_id: Which value of the truth means "no ground truth here"; see `read_mask`.
        missing: See `pair_truths`.

    Raises:
        DataError: If either holds no tree of masks, or one of other queries.
    """
    # Where one tree alone cannot tell what its videos are, the other does.
    true_tree = MaskTree.find(truth, known=_names_in(prediction))
    truths = []
    for query_id in true_tree.queries(get_protocol(protocol).kind):
        frames = true_tree.frames(query_id)
        masks = true_tree.masks(query_id, frames, void_id=void_id)
        truths.append(Truth(query_id, frames, masks, str(true_tree.folder(query_id))))
    tree = MaskTree.find(prediction, known=_names_in(truth))
    found = pair_truths(truths, tree, protocol, missing=missing)
    for given, inside in ((prediction, tree), (truth, true_tree)):
        if given != inside.root:
            found.notes.insert(0, f"{given}: masks found in {inside.root}")
    return found


def pair_truths(
    truths: Iterable[Truth], tree: Predicted, protocol: str, *, missing: MissingRule = "error"
) -> TreePair:
    """Return truths and the predictions of the same queries, with everything that is missing.

    Args:
        truths: What is right.
        tree: What is predicted.
        protocol: Says what is scored, and which frames count; one of `PROTOCOL_NAMES`.
        missing: What a query without any prediction is: an error, or a score of 0.

    Raises:
        DataError: If the tree is one of other queries than the protocol's.
    """
    rules, found, known = get_protocol(protocol), TreePair(), set[str]()
    predicted = set(tree.queries(rules.kind))
    for truth in truths:
        known.add(truth.query_id)
        if not rules.scored_frames(len(truth.frame_names)):
            found.problems.append(
                f"{truth.where}: {rules.nothing_to_score(len(truth.frame_names))}; add the truth "
                f"of the other frames or remove the {rules.kind}"
            )
        elif truth.query_id in predicted:
            found.pairs.append(_pair(found, truth, tree, rules))
        elif missing == "zero":
            where = str(tree.folder(truth.query_id))
            found.notes.append(f"{where}: no such folder; scored 0 in every frame")
            pair = ScoredPair(truth.query_id, truth.frame_names, truth.masks, None, where)
            found.pairs.append(pair)
        else:
            found.problems.append(
                f"{tree.folder(truth.query_id)}: no such folder; predict this {rules.kind} too"
            )
    if extra := sorted(predicted - known):
        found.notes.append(
            f"{tree.root}: {len(extra)} {rules.kind}s without truth are ignored ({shorten(extra)})"
        )
    return found


def _names_in(folder: Path) -> set[str]:
    return {item.name for item in folder.iterdir()} if folder.is_dir() else set()


def _pair(found: TreePair, truth: Truth, tree: Predicted, rules: Protocol) -> ScoredPair:
    frames = truth.frame_names
    scored = [frames[t] for t in rules.scored_frames(len(frames))]
    predicted, where = set(tree.frames(truth.query_id)), str(tree.folder(truth.query_id))
    if missing := [name for name in scored if name not in predicted]:
        found.problems.append(
            f"{where}: {len(missing)} of {len(scored)} scored frames have no mask PNG "
            f"({shorten(missing)}); predict every frame"
        )
    if extra := sorted(predicted - set(frames)):
        found.notes.append(
            f"{where}: {len(extra)} frames without truth are ignored ({shorten(extra)})"
        )
    masks = tree.masks(truth.query_id, frames)
    return ScoredPair(truth.query_id, frames, truth.masks, masks, where, frozenset(missing))

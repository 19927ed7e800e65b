"""Which truth belongs to which predicted masks, and what of either is missing."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pvuw.io.folder import shorten
from pvuw.io.mask_store import MaskStore
from pvuw.io.mask_tree import MaskTree
from pvuw.metrics.protocols import Protocol, get_protocol


@dataclass(frozen=True)
class ScoredPair:
    """One query's truth and predicted masks, by position in `frame_names`."""

    query_id: str
    frame_names: list[str]
    """Stem of every frame with truth, in time order."""
    truth: MaskStore
    prediction: MaskStore
    where: str
    """Place of the predicted masks, for messages."""
    missing: frozenset[str]
    """Scored frames without a prediction."""


@dataclass
class TreePair:
    """Two trees of masks side by side."""

    pairs: list[ScoredPair] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    """One line per reason why the trees cannot be scored."""
    notes: list[str] = field(default_factory=list)
    """One line per thing the user may want to know."""


def pair_trees(
    truth: Path, prediction: Path, protocol: str, *, void_id: int | None = None
) -> TreePair:
    """Return the queries of two trees of masks side by side, with everything that is missing.

    Args:
        truth: A tree of masks, or a folder around one; see `MaskTree.find`.
        prediction: The same with predictions.
        protocol: Says which frames count, one of `PROTOCOL_NAMES`.
        void_id: Id in the truth that means "no ground truth here"; None: there is none.

    Raises:
        DataError: If either holds no tree of masks.
    """
    rules, found = get_protocol(protocol), TreePair()
    trees = _find_trees(truth, prediction)
    for given, tree in zip((truth, prediction), trees, strict=True):
        if given != tree.root:
            found.notes.append(f"{given}: masks found in {tree.root}")
    true_tree, predicted_tree = trees
    queries, predicted = true_tree.queries("video"), predicted_tree.queries("video")
    for query_id in queries:
        frames = true_tree.frames(query_id)
        if not rules.scored_frames(len(frames)):
            found.problems.append(
                f"{true_tree.folder(query_id)}: {rules.nothing_to_score(len(frames))}; add the "
                "truth of the other frames or remove the video"
            )
        elif query_id not in predicted:
            found.problems.append(
                f"{predicted_tree.folder(query_id)}: no such folder; predict this video too"
            )
        else:
            masks = true_tree.masks(query_id, frames, void_id=void_id)
            found.pairs.append(_pair(found, query_id, frames, masks, predicted_tree, rules))
    if extra := sorted(set(predicted) - set(queries)):
        found.notes.append(
            f"{predicted_tree.root}: {len(extra)} videos without truth are ignored "
            f"({shorten(extra)})"
        )
    return found


def _find_trees(truth: Path, prediction: Path) -> tuple[MaskTree, MaskTree]:
    """Return both trees; where one alone cannot tell what its videos are, the other does."""
    names = [
        {item.name for item in folder.iterdir()} if folder.is_dir() else set[str]()
        for folder in (prediction, truth)
    ]
    return MaskTree.find(truth, known=names[0]), MaskTree.find(prediction, known=names[1])


def _pair(
    found: TreePair,
    query_id: str,
    frames: Sequence[str],
    truth: MaskStore,
    tree: MaskTree,
    rules: Protocol,
) -> ScoredPair:
    scored = [frames[t] for t in rules.scored_frames(len(frames))]
    predicted, where = set(tree.frames(query_id)), str(tree.folder(query_id))
    if missing := [name for name in scored if name not in predicted]:
        found.problems.append(
            f"{where}: {len(missing)} of {len(scored)} scored frames have no mask PNG "
            f"({shorten(missing)}); predict every frame"
        )
    if extra := sorted(predicted - set(frames)):
        found.notes.append(
            f"{where}: {len(extra)} frames without truth are ignored ({shorten(extra)})"
        )
    masks = tree.masks(query_id, frames)
    return ScoredPair(query_id, list(frames), truth, masks, where, frozenset(missing))

"""Truth and answers of data sets with sentences, for `pvuw evaluate`."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pvuw.errors import DataError
from pvuw.io.expressions import Expression
from pvuw.io.mask_store import UnionMasks
from pvuw.io.mask_tree import MaskTree
from pvuw.io.records import VideoRecord
from pvuw.metrics.names import REF_DAVIS
from pvuw.metrics.pairs import MissingRule, Predicted, TreePair, Truth, pair_truths
from pvuw.metrics.ref_davis import NUM_ANNOTATORS, AnnotatorPair
from pvuw.sources.mevis import FACTS, MevisReader, is_truth
from pvuw.sources.ref_youtube_vos import DAVIS, YOUTUBE_VOS, RefYouTubeVOSReader, sentences_file
from pvuw.sources.sentence_results import SentenceResults


@dataclass
class SentencePairs:
    """Truth and answers side by side, and what was asked."""

    found: TreePair
    sentences: dict[str, Expression] = field(default_factory=dict)
    """By query id."""


def is_data_set(folder: Path, protocol: str) -> bool:
    """Return whether a folder is a split of a protocol's data set, as it is published."""
    place = folder.resolve()
    if protocol == "mevis":
        return is_truth(place)
    return sentences_file(place.parent, place.name).is_file()


def pair_sentences(
    gt: Path, pred: Path, protocol: str, *, missing: MissingRule = "error"
) -> SentencePairs:
    """Return the sentences of a data set with their answers, and everything that is missing.

    Args:
        gt: A split as it is published.
        pred: A tree of masks, a folder around one, or a JSON file of run lengths.
        protocol: `mevis` or `ref_youtube_vos`.
        missing: See `pair_truths`.

    Raises:
        DataError: If either cannot be read at all.
    """
    records = _records(gt, protocol)
    truths, sentences = [], {}
    for record in records:
        for sentence in record.expressions:
            query_id = f"{record.video_id}/{sentence.expression_id}"
            sentences[query_id] = sentence
            masks = UnionMasks(record.store, (sentence.object_ids,))
            truths.append(Truth(query_id, record.frame_names, masks, f"{gt}: {query_id}"))
    found = pair_truths(truths, _predicted(pred, records), protocol, missing=missing)
    return SentencePairs(found, sentences)


def pair_annotators(
    gt: Path, pred: Path, *, missing: MissingRule = "error"
) -> tuple[list[AnnotatorPair], list[str]]:
    """Return the annotators of each video of Ref-DAVIS17, and one line for what is missing.

    Sentences are in the order of the file: those of the first object first, one of each annotator.

    Args:
        gt: The split, `<root>/valid`.
        pred: As for `pair_sentences`.
        missing: A sentence without an answer is an error, or an empty answer.

    Raises:
        DataError: If either cannot be read at all, or a video has no whole set of sentences.
    """
    records = _records(gt, REF_DAVIS)
    predicted, pairs, problems = _predicted(pred, records), [], []
    there = set(predicted.queries("expression"))
    for record in records:
        ids = [f"{record.video_id}/{e.expression_id}" for e in record.expressions]
        if not ids or len(ids) % NUM_ANNOTATORS:
            raise DataError(
                f"{gt}: video {record.video_id!r} has {len(ids)} sentences, which is not "
                f"{NUM_ANNOTATORS} for each object; use the official file"
            )
        for query_id in ids:
            problems += _lacking(predicted, query_id, record.frame_names, there, missing)
        for annotator in range(NUM_ANNOTATORS):
            asked = ids[annotator::NUM_ANNOTATORS]
            pairs.append(
                AnnotatorPair(
                    f"{record.video_id}/annotator {annotator}",
                    record.frame_names,
                    record.store,
                    [
                        predicted.masks(query_id, record.frame_names) if query_id in there else None
                        for query_id in asked
                    ],
                    str(predicted.root),
                )
            )
    return pairs, problems


def _lacking(
    predicted: Predicted,
    query_id: str,
    frames: Sequence[str],
    there: set[str],
    missing: MissingRule,
) -> list[str]:
    if query_id not in there:
        line = f"{predicted.folder(query_id)}: no such folder; predict this expression too"
        return [line] if missing == "error" else []
    lost = sorted(set(frames) - set(predicted.frames(query_id)))
    return [
        f"{predicted.folder(query_id)}: {len(lost)} of {len(frames)} scored frames have no mask "
        f"({', '.join(lost[:5])}); predict every frame"
        for _ in lost[:1]
    ]


def _records(gt: Path, protocol: str) -> list[VideoRecord]:
    folder = gt.resolve()
    if protocol == "mevis":
        reader = MevisReader(FACTS, folder.parent, split=folder.name, frames=False)
        return list(reader.records())
    facts = DAVIS if protocol == REF_DAVIS else YOUTUBE_VOS
    return list(RefYouTubeVOSReader(facts, folder.parent, split=folder.name).records())


def _predicted(pred: Path, records: Sequence[VideoRecord]) -> Predicted:
    frames = {record.video_id: record.frame_names for record in records}
    if SentenceResults.is_one(pred):
        return SentenceResults(pred, frames)
    return MaskTree.find(pred, known=frames)

"""What the scores of sentences come to: no-target measures, kinds of sentences, CSV rows."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pvuw.io.expressions import Expression, speaks_of_motion
from pvuw.metrics.accumulate import VideoResult

_LENGTHS = ((6, "up to 6 words"), (12, "7 to 12 words"))
_LONGER = "13 words and more"


@dataclass(frozen=True)
class SentenceRow:
    """The score of one sentence."""

    query_id: str
    text: str
    num_targets: int
    """Objects it means; 0: nothing that is there."""
    num_frames: int
    j: float
    f: float
    answered: bool
    """The answer shows something in some frame."""
    kind: str = ""
    """What it speaks of, where its source says so."""

    @property
    def jf(self) -> float:
        """Mean of J and F."""
        return (self.j + self.f) / 2

    @property
    def buckets(self) -> tuple[str, ...]:
        """Kinds of sentences it belongs to, one of each group."""
        own = (f"kind: {self.kind}",) if self.kind else ()
        return (*buckets_of(self.text, self.num_targets), *own)


@dataclass(frozen=True)
class Existence:
    """MeViSv2's measures of telling whether there is a target (2512.10945), each in 0..1."""

    n_acc: float
    """Share of the sentences without a target whose answer is empty in every frame."""
    t_acc: float
    """Share of the sentences with a target whose answer shows something in some frame."""
    final: float
    """Mean of J&F over all sentences, N-acc and T-acc; what PVUW 2026 ranks by."""


def buckets_of(text: str, num_targets: int | None) -> tuple[str, ...]:
    """Return the kinds of sentences one belongs to, one of each group.

    Args:
        text: The sentence.
        num_targets: Objects it means; None: not known, that group is left out.

    Example:
        >>> buckets_of("the dogs that run", 2)
        ('several targets', 'up to 6 words', 'motion words')
    """
    number = len(text.split())
    length = next((name for limit, name in _LENGTHS if number <= limit), _LONGER)
    motion = "motion words" if speaks_of_motion(text) else "no motion words"
    if num_targets is None:
        return length, motion
    return ("no target", "one target", "several targets")[min(num_targets, 2)], length, motion


def sentence_row(query_id: str, result: VideoResult, sentence: Expression) -> SentenceRow:
    """Return the score of a sentence."""
    return SentenceRow(
        query_id=query_id,
        text=sentence.text,
        num_targets=len(sentence.object_ids),
        num_frames=result.j.shape[1],
        j=float(result.object_j[0]),
        f=float(result.object_f[0]),
        answered=bool(result.predicted.any()),
        kind=sentence.kind,
    )


def existence(rows: Sequence[SentenceRow], *, unanswered: Iterable[str] = ()) -> Existence | None:
    """Return the no-target measures; None where every sentence has a target, or none has.

    Args:
        rows: All sentences.
        unanswered: Ids without any prediction, which tell nothing rightly.

    Example:
        >>> row = SentenceRow("v/0", "it", 1, 9, j=0.6, f=0.8, answered=True)
        >>> other = SentenceRow("v/1", "no", 0, 9, j=1.0, f=1.0, answered=False)
        >>> round(existence([row, other]).final, 6)
        0.95
    """
    lost = set(unanswered)
    right: dict[bool, list[bool]] = {True: [], False: []}
    for row in rows:
        has_target = row.num_targets > 0
        right[has_target].append(row.answered == has_target and row.query_id not in lost)
    if not right[True] or not right[False]:
        return None
    n_acc, t_acc = float(np.mean(right[False])), float(np.mean(right[True]))
    jf = float(np.mean([row.jf for row in rows]))
    return Existence(n_acc, t_acc, (jf + n_acc + t_acc) / 3)


def existence_line(found: Existence) -> str:
    """Return the no-target measures as a line.

    Example:
        >>> existence_line(Existence(0.5, 1.0, 0.75))
        'N-acc 0.500000 T-acc 1.000000 Final 0.750000'
    """
    return f"N-acc {found.n_acc:.6f} T-acc {found.t_acc:.6f} Final {found.final:.6f}"


def bucket_table(rows: Sequence[SentenceRow]) -> str:
    """Return a table of the scores of each kind of sentence that occurs."""
    groups: dict[str, list[SentenceRow]] = {}
    order = [
        *("no target", "one target", "several targets"),
        *(name for _, name in _LENGTHS),
        *(_LONGER, "motion words", "no motion words"),
    ]
    for row in rows:
        for bucket in row.buckets:
            groups.setdefault(bucket, []).append(row)
    order += sorted(groups.keys() - set(order))  # what only their source tells
    width = max(map(len, order))
    lines = [f"{'sentences':{width}}  number     J&F       J       F"]
    for name in order:
        if found := groups.get(name):
            means = [
                float(np.mean([getattr(row, key) for row in found])) for key in ("jf", "j", "f")
            ]
            shown = "".join(f"{mean:8.4f}" for mean in means)
            lines.append(f"{name:{width}}  {len(found):6d}{shown}")
    return "\n".join(lines)


def sentence_csv(rows: Iterable[SentenceRow]) -> str:
    """Return one line per sentence, at full precision, with a header."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        [
            "video",
            "expression",
            "sentence",
            "targets",
            "frames",
            "j",
            "f",
            "jf",
            "answered",
            "kinds",
        ]
    )
    for row in rows:
        video_id, _, expression = row.query_id.partition("/")
        scores = [row.j, row.f, row.jf, int(row.answered)]
        kinds = "; ".join(row.buckets)
        writer.writerow(
            [video_id, expression, row.text, row.num_targets, row.num_frames, *scores, kinds]
        )
    return text.getvalue()


def rows_of(
    results: Iterable[tuple[str, VideoResult]], sentences: Mapping[str, Expression]
) -> list[SentenceRow]:
    """Return the scores of the sentences that are known, by query id."""
    return [
        sentence_row(query_id, result, sentences[query_id])
        for query_id, result in results
        if query_id in sentences
    ]

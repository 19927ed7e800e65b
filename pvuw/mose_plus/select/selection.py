"""Which videos go into MOSE+, and for each one why or why not."""

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence

from pvuw.mose_plus.config import MosePlusConfig
from pvuw.mose_plus.jobs import BrokenVideo
from pvuw.mose_plus.select.decision import Decision, refuse
from pvuw.mose_plus.select.distance import Distance, TraitRange, distance_to, reference_ranges
from pvuw.mose_plus.select.duplicates import DuplicatePair
from pvuw.mose_plus.select.evaluation import EvaluationVideo
from pvuw.mose_plus.select.refusals import (
    FrameLinks,
    refuse_below_limits,
    refuse_copies,
    refuse_evaluation,
)
from pvuw.sources.keys import VideoKey
from pvuw.traits.video_traits import TRAIT_KINDS, VideoTraits


def select(
    candidates: Sequence[VideoTraits],
    reference: Sequence[VideoTraits],
    config: MosePlusConfig,
    *,
    duplicates: Sequence[DuplicatePair],
    evaluation: Sequence[EvaluationVideo],
    broken: Sequence[BrokenVideo] = (),
) -> list[Decision]:
    """Return one decision for each candidate, by source in the order of the file, then by id.

    Refused are, in this order: broken videos; evaluation videos and their copies; videos below the
    limits of their source; second copies; and, in all sources but the reference, videos too far
    from it, beyond their source's quota, or beyond `max_videos`. The result depends on the
    arguments alone, not on the order of the candidates.

    Args:
        candidates: Traits of all videos, those of the reference sources among them.
        reference: Traits the others are compared with, MOSE train; refused videos do not count.
        config: The settings.
        duplicates: Pairs of videos with the same frames, evaluation videos included.
        evaluation: Videos that must not be trained on.
        broken: Videos that could not be read.

    Raises:
        DataError: If a candidate's source is not in the settings or the reference is too small.
    """
    ordered = sorted(candidates, key=lambda v: (config.priority(v.source, v.split), v.video_id))
    links = FrameLinks(duplicates)
    decisions = {video.key: refuse(video.key, video.message) for video in broken}
    decisions |= refuse_evaluation(ordered, evaluation, links)
    decisions |= refuse_below_limits(_undecided(ordered, decisions), config)
    decisions |= refuse_copies(_undecided(ordered, decisions), links)
    typical = borrow_labels(_undecided(reference, decisions), candidates)
    ranges = reference_ranges(typical, config.selection)
    decisions |= _rank(_undecided(ordered, decisions), ranges, config)
    return sorted(
        decisions.values(), key=lambda d: (config.priority(d.source, d.split), d.video_id)
    )


def borrow_labels(
    reference: Sequence[VideoTraits], candidates: Sequence[VideoTraits]
) -> list[VideoTraits]:
    """Return the reference with the occlusion labels that candidates of the same id have.

    MOSE ships no labels, but half of its videos are OVIS videos under the same ids, and OVIS labels
    them: so the labels can be compared with MOSE's own after all.
    """
    labels = {v.video_id: v.occlusion_label for v in candidates if v.occlusion_label is not None}
    return [
        video
        if video.occlusion_label is not None
        else dataclasses.replace(video, occlusion_label=labels.get(video.video_id))
        for video in reference
    ]


def _undecided(
    videos: Sequence[VideoTraits], decisions: Mapping[VideoKey, Decision]
) -> list[VideoTraits]:
    return [video for video in videos if video.key not in decisions]


def _rank(
    videos: Sequence[VideoTraits], ranges: Mapping[str, TraitRange], config: MosePlusConfig
) -> dict[VideoKey, Decision]:
    """Take the reference whole and the nearest of the others, as many as the limits allow."""
    decisions = {}
    ranked: list[tuple[float, int, VideoTraits, Distance]] = []
    for position, video in enumerate(videos):
        measured = distance_to(ranges, video, config.selection)
        if config.settings(video.source, video.split).reference:
            decisions[video.key] = _decide(video, measured, None, "reference source, taken whole")
        elif measured is None:
            incomparable = "too few of its traits can be measured to compare it with the reference"
            decisions[video.key] = _decide(video, None, incomparable, "")
        else:
            ranked.append((measured.value, position, video, measured))
    ranked.sort(key=lambda entry: entry[:2])  # ties: by source, then id, as `videos` are
    taken: Counter[tuple[str, str]] = Counter()
    for rank, (_, _, video, measured) in enumerate(ranked, start=1):
        refusal = _refusal(video, measured, taken, config)
        place = f"distance {measured.value:.2f}, rank {rank} of {len(ranked)}; "
        details = place + _largest_difference(video, measured, ranges)
        decisions[video.key] = _decide(video, measured, refusal, details)
        taken[video.source, video.split] += refusal is None
    return decisions


def _refusal(
    video: VideoTraits,
    measured: Distance,
    taken: Counter[tuple[str, str]],
    config: MosePlusConfig,
) -> str | None:
    """Return why a ranked video is not taken, None if it is."""
    limits, source = config.selection, config.settings(video.source, video.split)
    if limits.max_distance is not None and measured.value > limits.max_distance:
        return f"too unlike the reference, at most {limits.max_distance:.2f} away wanted"
    if source.quota is not None and taken[video.source, video.split] >= source.quota:
        return f"quota of {source.quota} videos from {video.source} {video.split} is full"
    if limits.max_videos is not None and taken.total() >= limits.max_videos:
        return f"limit of {limits.max_videos} videos in all is reached"
    return None


def _decide(
    video: VideoTraits, measured: Distance | None, refusal: str | None, details: str
) -> Decision:
    return Decision(
        *video.key,
        admitted=refusal is None,
        reason="; ".join(part for part in (refusal, details) if part),
        distance=None if measured is None else measured.value,
        distances={} if measured is None else measured.by_trait,
        traits=video,
    )


def _largest_difference(
    video: VideoTraits, measured: Distance, ranges: Mapping[str, TraitRange]
) -> str:
    """Return in words where a video differs most from the reference."""
    name = measured.worst
    if measured.by_trait[name] == 0:
        return "typical of the reference in every trait"
    kind, typical = TRAIT_KINDS[name], ranges[name]
    return (
        f"differs most in {kind.title}: {kind.value(video):.3g}, "
        f"typical {typical.low:.3g}..{typical.high:.3g}"
    )

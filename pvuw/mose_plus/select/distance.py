"""How far a video is from the videos of MOSE, trait by trait."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pvuw.errors import DataError
from pvuw.mose_plus.config import SelectionConfig
from pvuw.traits.video_traits import TRAIT_KINDS, TraitKind, VideoTraits

_IQR_OF_NORMAL = 1.349  # so that the scale of a normal distribution is its standard deviation


@dataclass(frozen=True, slots=True)
class TraitRange:
    """What is typical of the reference in one trait."""

    low: float
    high: float
    scale: float
    """Distance that counts 1: `max(interquartile range / 1.349, floor of the trait)`."""
    weight: float
    num_videos: int
    """Reference videos that have the trait."""

    def distance(self, value: float) -> float:
        """Return how many scales a value lies outside `low..high`.

        Example:
            >>> TraitRange(1.0, 3.0, 0.5, 1.0, 100).distance(4.0)
            2.0
        """
        return max(self.low - value, value - self.high, 0.0) / self.scale


@dataclass(frozen=True, slots=True)
class Distance:
    """How far one video is from the reference."""

    value: float
    """Weighted mean over the traits it could be compared by, 0 (typical) up to `clip`."""
    by_trait: Mapping[str, float]
    """Distance in each of these traits, clipped."""

    @property
    def worst(self) -> str:
        """Name of the trait it differs most in; the first of several."""
        return max(self.by_trait, key=lambda name: self.by_trait[name])


def reference_ranges(
    reference: Sequence[VideoTraits], config: SelectionConfig
) -> dict[str, TraitRange]:
    """Return what is typical of the reference for each weighted trait that it has values for.

    `low` and `high` are the quantiles of `typical` (linear interpolation). A trait that fewer than
    `min_reference` reference videos have, such as OVIS's occlusion labels, is left out.

    Args:
        reference: Traits of the reference videos.
        config: The weights and limits.

    Raises:
        DataError: If no trait is left.
    """
    ranges = {}
    for name, wanted in config.weights.items():
        kind = TRAIT_KINDS[name]
        values = [
            value for video in reference if (value := trait_value(video, kind, config)) is not None
        ]
        if wanted.weight == 0 or len(values) < max(config.min_reference, 1):
            continue
        low, high, first, third = np.quantile(values, [*wanted.typical, 0.25, 0.75]).tolist()
        scale = max((third - first) / _IQR_OF_NORMAL, kind.floor)
        ranges[name] = TraitRange(low, high, scale, wanted.weight, len(values))
    if not ranges:
        raise DataError(
            f"the reference has {len(reference)} videos, no trait reaches selection.min_reference "
            f"= {config.min_reference}; add MOSE train, or lower it to compare with fewer videos"
        )
    return ranges


def distance_to(
    ranges: Mapping[str, TraitRange], video: VideoTraits, config: SelectionConfig
) -> Distance | None:
    """Return the distance of a video from the reference.

    `sum(w_k min(d_k, clip)) / sum(w_k)` over the traits `k` the video has, where `d_k` is the
    distance of its value from the reference's typical range in units of the reference's spread. It
    is a distance to a distribution: more occlusion than MOSE has costs as less does.

    Args:
        ranges: Of the reference.
        video: The candidate.
        config: The limits.

    Returns:
        None if the traits it has carry less than `min_weight_share` of the weights.
    """
    by_trait = {}
    for name, typical in ranges.items():
        value = trait_value(video, TRAIT_KINDS[name], config)
        if value is not None:
            by_trait[name] = min(typical.distance(value), config.clip)
    weight = sum(ranges[name].weight for name in by_trait)
    if not by_trait or weight < config.min_weight_share * sum(r.weight for r in ranges.values()):
        return None
    total = sum(ranges[name].weight * value for name, value in by_trait.items())
    return Distance(total / weight, by_trait)


def trait_value(video: VideoTraits, kind: TraitKind, config: SelectionConfig) -> float | None:
    """Return a trait's value, None where it has none or the frame rate is too low to trust it."""
    if kind.temporal and video.fps is not None and video.fps < config.min_temporal_fps:
        return None
    return kind.value(video)

"""What a MOSE+ set is built from: the YAML file as typed settings."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from pvuw.errors import DataError
from pvuw.io.typed_yaml import load_yaml
from pvuw.mose_plus.build.build_config import BuildConfig
from pvuw.mose_plus.select.analysis import TraitConfig
from pvuw.mose_plus.select.duplicates import DuplicateConfig
from pvuw.traits.video_traits import TRAIT_KINDS

NONE = "none"
"""Written in place of an evaluation list: the user does without it, on purpose."""
BUILT_IN = "built-in"
"""Written in place of an evaluation list: the names that come with this package."""


@dataclass(frozen=True, kw_only=True)
class SourceConfig:
    """One source: where it lies and what may be taken from it."""

    source: str
    """Name of its reader, see docs/sources.md."""
    root: Path
    """Folder of the download."""
    split: str = "train"
    """Part of it."""
    variant: str | None = None
    """What the reader calls a variant: the resolution of DAVIS, the masklets of SA-V."""
    exclude: tuple[str, ...] = ()
    """Video ids to leave out."""
    reference: bool = False
    """This is MOSE: all of it is taken, and the other sources are compared with it."""
    quota: int | None = None
    """Most videos taken; None: no limit. Not for a reference."""
    min_frames: int = 2
    """Fewest annotated frames of a video."""
    min_objects: int = 1
    """Fewest objects that a video must show at least once."""
    min_mask_score: float | None = None
    """Smallest mean confidence of a video's masks, where the source rates them (BURST)."""


@dataclass(frozen=True, kw_only=True)
class TraitWeight:
    """How much a trait counts, and which of MOSE's own values are typical."""

    weight: float
    """Share in the distance; 0 leaves the trait out."""
    typical: tuple[float, ...] = (0.25, 0.75)
    """Quantiles of the reference; between them a video is at distance 0. [0.5, 0.5] compares with
    the median, [0.5, 0.95] with the upper half: lower values cost, higher ones do not until they
    leave what MOSE has."""


def default_weights() -> dict[str, TraitWeight]:
    """Return weights for what the MOSE papers ask for: occlusion, crowds, return, look-alikes."""
    harder_half = (0.5, 0.95)
    return {
        "bor_mean": TraitWeight(weight=2.0, typical=harder_half),
        "bor_max": TraitWeight(weight=1.0, typical=(0.5, 1.0)),
        "area_collapse": TraitWeight(weight=1.0, typical=(0.5, 1.0)),
        "occlusion_label": TraitWeight(weight=1.0, typical=(0.5, 1.0)),
        "small_share": TraitWeight(weight=1.5, typical=harder_half),
        "objects_per_frame": TraitWeight(weight=1.5, typical=harder_half),
        "crowding": TraitWeight(weight=1.0, typical=(0.5, 1.0)),
        "disappearance_rate": TraitWeight(weight=1.0, typical=(0.5, 1.0)),
        # Most MOSE videos have no reappearance: the typical range is that of the others.
        "reappearance_rate": TraitWeight(weight=2.0, typical=(0.7, 1.0)),
        "gap_seconds": TraitWeight(weight=0.5, typical=(0.25, 0.95)),
        "similarity": TraitWeight(weight=1.5, typical=(0.5, 1.0)),
        "motion": TraitWeight(weight=0.5, typical=(0.1, 0.95)),
        "num_frames": TraitWeight(weight=0.5, typical=(0.1, 0.95)),
    }


@dataclass(frozen=True, kw_only=True)
class EvaluationConfig:
    """Videos that must never be trained on.

    Each entry is a text file with one video id a line, a JSON file with the ids under "videos"
    (MOSEv2's `meta.json`), or a folder with one folder of frames per video, alone or under
    `JPEGImages`; frames at hand are compared with those of every candidate.
    """

    mose: tuple[str, ...] = ()
    """MOSE's valid and test videos, or the word `none`. There is no default: a build without them
    could train on what it is judged by, half of MOSE being OVIS videos under the same names."""
    davis: tuple[str, ...] = (BUILT_IN,)
    """`built-in`: the 30 names each of DAVIS 2017 val and test-dev; or `none`."""
    others: tuple[str, ...] = ()
    """Any further lists or folders."""


@dataclass(frozen=True, kw_only=True)
class SelectionConfig:
    """How candidates are compared with MOSE."""

    weights: dict[str, TraitWeight] = field(default_factory=default_weights)
    """By trait; traits that are not named do not count."""
    clip: float = 4.0
    """Largest distance in one trait: beyond it a video is just different."""
    max_distance: float | None = 1.5
    """Largest distance of a video that is taken; None: no limit."""
    max_videos: int | None = None
    """Most videos taken from all sources but the reference; None: no limit."""
    min_reference: int = 50
    """Fewest reference videos with a value for a trait to be compared by it."""
    min_weight_share: float = 0.5
    """Share of the weights that must be measurable in a candidate."""
    min_temporal_fps: float = 3.0
    """Below this frame rate, objects that come and go are missed: traits of time do not count."""


@dataclass(frozen=True, kw_only=True)
class MosePlusConfig:
    """The whole file."""

    sources: tuple[SourceConfig, ...]
    """In order of priority: of two copies of a video the one from the earlier source stays."""
    selection: SelectionConfig = field(default_factory=SelectionConfig)
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)
    duplicates: DuplicateConfig = field(default_factory=DuplicateConfig)
    traits: TraitConfig = field(default_factory=TraitConfig)
    build: BuildConfig = field(default_factory=BuildConfig)

    def __post_init__(self) -> None:
        """Check what no type can say.

        Raises:
            DataError: If a source is named twice, none is the reference, or a weight is wrong.
        """
        names = Counter((source.source, source.split) for source in self.sources)
        twice = [f"{source} {split}" for (source, split), n in names.items() if n > 1]
        if twice:
            raise DataError(
                f"sources: {twice[0]} is named {names.most_common(1)[0][1]} times; "
                "merge the entries"
            )
        if not any(source.reference for source in self.sources):
            raise DataError("sources: none has `reference: true`; set it for MOSE train")
        for name, weight in self.selection.weights.items():
            _check_weight(name, weight)

    def priority(self, source: str, split: str) -> int:
        """Return the position of a source in the file.

        Raises:
            DataError: If it is not in the file.
        """
        for position, entry in enumerate(self.sources):
            if (entry.source, entry.split) == (source, split):
                return position
        raise DataError(f"sources: no entry for {source} {split}; add one")

    def settings(self, source: str, split: str) -> SourceConfig:
        """Return the settings of a source.

        Raises:
            DataError: If it is not in the file.
        """
        return self.sources[self.priority(source, split)]


def load_config(path: Path) -> MosePlusConfig:
    """Return the settings in a YAML file; relative paths in it start at the working folder.

    Raises:
        DataError: If the file is wrong; the line names the key.
    """
    return load_yaml(path, into=MosePlusConfig)


def _check_weight(name: str, weight: TraitWeight) -> None:
    place = f"selection.weights.{name}"
    if name not in TRAIT_KINDS:
        raise DataError(f"{place}: unknown trait; choose from {', '.join(TRAIT_KINDS)}")
    if weight.weight < 0:
        raise DataError(f"{place}.weight: must be 0 or more, got {weight.weight}; correct it")
    low_high = weight.typical
    if len(low_high) != 2 or not 0 <= low_high[0] <= low_high[1] <= 1:
        raise DataError(
            f"{place}.typical: must be two quantiles in 0..1, ascending, got {list(low_high)}; "
            "write for example [0.25, 0.75]"
        )

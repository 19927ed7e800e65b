"""What every entry is made with; travels to other processes."""

from dataclasses import dataclass
from pathlib import Path

from pvuw.io.mask_tree import QueryKind
from pvuw.report.sides import MaskSource


@dataclass(frozen=True)
class Ensemble:
    """Where the answer's members are, and what was noted when they became one answer."""

    members: tuple[MaskSource, ...]
    """In the order of the record; `label` is the member's name there."""
    records: Path | None = None
    """Folder with `<video>.jsonl`; None: nothing was noted, masks alone tell who agrees."""


@dataclass(frozen=True)
class ReportSettings:
    """What every video's entry is made with."""

    sides: tuple[MaskSource, ...]
    """The prediction, and what to compare it with."""
    truth: MaskSource | None
    protocol: str
    max_side: int
    """Longer side of the pictures, pixels."""
    frames_per_video: int
    ensemble: Ensemble | None = None
    """Members of the prediction, where it is the answer of an ensemble."""
    asks: QueryKind = "video"
    """Whether lines are videos and their objects, or what sentences about videos mean."""

    @property
    def compares_with_truth(self) -> bool:
        """Whether scores are scores; without truth they say how far two predictions agree."""
        return self.truth is not None

    @property
    def has_scores(self) -> bool:
        """Whether there is anything to score against."""
        return self.truth is not None or len(self.sides) == 2

"""Steps a recipe may put between the network and the written mask."""

from pvuw.inference.steps.base import MaskStep, ScoreStep
from pvuw.inference.steps.confidence import ConfidenceControl, PresenceThreshold
from pvuw.inference.steps.morphology import CloseGaps, FillHoles, RemoveSmallParts
from pvuw.inference.steps.temporal import TemporalFusion

__all__ = [
    "CloseGaps",
    "ConfidenceControl",
    "FillHoles",
    "MaskStep",
    "PresenceThreshold",
    "RemoveSmallParts",
    "ScoreStep",
    "TemporalFusion",
]

"""Sentences that name objects of a video, for sources that have them (MeViS). Imports no torch."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Expression:
    """One sentence about a video and the objects it means."""

    expression_id: str
    """Its name in the source, unique within the video."""
    text: str
    """The sentence as the source has it."""
    object_ids: tuple[int, ...]
    """The objects it means together, ascending; empty for a sentence that means nothing there."""

"""Which frames of a training clip are prompted, with what, and which are corrected by clicks."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

import numpy as np


@dataclass(frozen=True)
class TrainingPrompts:
    """How often a training batch is prompted in which way; defaults are SAM 2's MOSE recipe.

    Names and values are those of `sam2.1_hiera_b+_MOSE_finetune.yaml`, without `_for_train`.
    """

    prob_to_use_pt_input: float = 0.5
    """Share of batches prompted by clicks and boxes; the others get the true masks."""
    prob_to_use_box_input: float = 0.5
    """In those batches, share of first prompts that are boxes and not one click."""
    prob_to_sample_from_gt: float = 0.1
    """Share of correction clicks that land anywhere on the object and not on an error."""
    num_init_cond_frames: int = 2
    """Frames prompted before tracking: the first one, the others at random."""
    rand_init_cond_frames: bool = True
    """Draw their number anew, from 1 to `num_init_cond_frames`."""
    num_frames_to_correct: int = 2
    """In batches with clicks, frames corrected by clicks: the prompted ones, then random others."""
    rand_frames_to_correct: bool = True
    """Draw their number anew, from the number of prompted frames to `num_frames_to_correct`."""
    add_all_frames_to_correct_as_cond: bool = True
    """Later frames read a corrected frame as if it had been prompted from the start."""
    num_correction_pt_per_frame: int = 7
    """Correction clicks on each corrected frame; the frame is decoded after every one."""

    def __post_init__(self) -> None:
        """Refuse values that have no meaning."""
        for name, value in vars(self).items():
            if name.startswith("prob_") and not 0 <= value <= 1:
                raise ValueError(f"prompting.{name} must be from 0 to 1, got {value}")
        if self.num_init_cond_frames < 1:
            found = self.num_init_cond_frames
            raise ValueError(f"prompting.num_init_cond_frames must be at least 1, got {found}")
        if self.num_correction_pt_per_frame < 0:
            found = self.num_correction_pt_per_frame
            raise ValueError(f"prompting.num_correction_pt_per_frame is negative: {found}")
        if self.prob_to_use_pt_input and self.num_frames_to_correct < self.num_init_cond_frames:
            raise ValueError(
                f"prompting.num_frames_to_correct is {self.num_frames_to_correct}: with clicks, "
                f"all {self.num_init_cond_frames} prompted frames are corrected; raise it"
            )


class FirstPrompt(Enum):
    """What tells the network the objects of a frame."""

    MASK = "mask"
    """The true masks, taken over as they are."""
    BOX = "box"
    """A box around each object, its corners a little off."""
    POINT = "point"
    """One click on each object."""


@dataclass(frozen=True)
class PromptPlan:
    """What is prompted in one batch. It names no place, so that all processes can follow it."""

    first: dict[int, FirstPrompt]
    """Prompted frames, in the order they are processed; they come before all others."""
    corrections: dict[int, tuple[bool, ...]] = field(default_factory=dict)
    """Corrected frames and for each click whether it ignores where the errors are."""
    corrected_are_conditioning: bool = True
    """Later frames read corrected frames as if they had been prompted from the start."""

    @classmethod
    def of_masks(cls, frames: Sequence[int] = (0,)) -> "PromptPlan":
        """Plan that gives the true masks of some frames and corrects nothing."""
        return cls(dict.fromkeys(frames, FirstPrompt.MASK))

    def order(self, num_frames: int) -> list[int]:
        """All frames of a clip in the order they are processed.

        Example:
            >>> PromptPlan.of_masks([0, 3]).order(5)
            [0, 3, 1, 2, 4]
        """
        return [*self.first, *(t for t in range(num_frames) if t not in self.first)]

    def is_conditioning(self, t: int) -> bool:
        """Whether later frames read frame `t` as a prompted one."""
        return t in self.first or (self.corrected_are_conditioning and t in self.corrections)


def draw_plan(prompts: TrainingPrompts, num_frames: int, draw: np.random.Generator) -> PromptPlan:
    """Plan for one batch, from the same draws in the same order as SAM 2's training code.

    Two things it does not do, since they end in errors upstream: prompt every frame of a clip of
    two or more, and correct more frames than there are. A clip of one frame always gets clicks.

    Args:
        prompts: How often what is chosen.
        num_frames: Frames of the clips.
        draw: In the same state in every process, so that all choose alike.
    """
    still = num_frames == 1
    clicked = draw.random() < (1.0 if still else prompts.prob_to_use_pt_input)
    num_first = 1 if still else min(prompts.num_init_cond_frames, num_frames - 1)
    num_corrected = 1 if still else min(prompts.num_frames_to_correct, num_frames)
    if prompts.rand_init_cond_frames and num_first > 1:
        num_first = int(draw.integers(1, num_first, endpoint=True))
    if clicked and prompts.rand_frames_to_correct and num_corrected > num_first:
        num_corrected = int(draw.integers(num_first, num_corrected, endpoint=True))
    frames = [0]
    if num_first > 1:
        frames += draw.choice(np.arange(1, num_frames), num_first - 1, replace=False).tolist()
    if not clicked:
        return PromptPlan.of_masks(frames)
    first = {}
    for t in frames:
        box = draw.random() < prompts.prob_to_use_box_input
        first[t] = FirstPrompt.BOX if box else FirstPrompt.POINT
    corrected = list(frames)
    if num_corrected > num_first:
        others = [t for t in range(num_frames) if t not in first]
        corrected += sorted(draw.choice(others, num_corrected - num_first, replace=False).tolist())
    corrections = {t: _draw_clicks(prompts, draw) for t in corrected}
    return PromptPlan(first, corrections, prompts.add_all_frames_to_correct_as_cond)


def _draw_clicks(prompts: TrainingPrompts, draw: np.random.Generator) -> tuple[bool, ...]:
    """For each correction click of a frame whether it ignores where the errors are."""
    count, share = prompts.num_correction_pt_per_frame, prompts.prob_to_sample_from_gt
    return tuple(share > 0 and draw.random() < share for _ in range(count))

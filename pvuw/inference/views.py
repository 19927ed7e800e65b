"""Views of a video for test-time augmentation, each with its exact inverse.

FVOS (https://arxiv.org/abs/2504.09507) fuses rotations by 90, 180 and 270 degrees clockwise, a
horizontal flip and seven scales, 1.0 to 1.75 in steps of 0.125. Whether these were crossed is not
published; both readings can be configured.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Literal

import torch
from torch import Tensor

from pvuw.types import MaskPrompt, Prompt

Fusion = Literal["mean", "weighted", "vote"]


@dataclass(frozen=True)
class View:
    """One way to show a video to a network: mirrored, then turned, then scaled."""

    scale: float = 1.0
    """Factor of the network's own input resolution."""
    rotation: int = 0
    """Degrees clockwise: 0, 90, 180 or 270."""
    flip: bool = False
    """Mirrored left to right, before the rotation."""

    def __post_init__(self) -> None:
        if self.rotation not in (0, 90, 180, 270):
            raise ValueError(f"rotation must be 0, 90, 180 or 270 degrees, got {self.rotation}")
        if not self.scale > 0:
            raise ValueError(f"scale must be above 0, got {self.scale}")

    @property
    def name(self) -> str:
        """Short name for logs, such as `x1.25 90 flip`."""
        turned = f" {self.rotation}" if self.rotation else ""
        return f"x{self.scale:g}{turned}{' flip' if self.flip else ''}"

    def show(self, image: Tensor) -> Tensor:
        """The image or masks as this view shows them, `[..., H, W]`; scaling is the network's.

        Example:
            >>> View(rotation=90).show(torch.tensor([[1, 2], [3, 4]])).tolist()
            [[3, 1], [4, 2]]
        """
        if self.flip:
            image = image.flip(-1)
        return torch.rot90(image, -self.rotation // 90, (-2, -1)) if self.rotation else image

    def restore(self, image: Tensor) -> Tensor:
        """Undo `show` exactly, for maps `[..., H, W]` of any resolution and odd sizes too.

        Example:
            >>> view, image = View(rotation=90, flip=True), torch.arange(6).reshape(2, 3)
            >>> torch.equal(view.restore(view.show(image)), image)
            True
        """
        if self.rotation:
            image = torch.rot90(image, self.rotation // 90, (-2, -1))
        return image.flip(-1) if self.flip else image

    def show_prompt(self, prompt: Prompt | None) -> Prompt | None:
        """The prompt as this view shows it."""
        if isinstance(prompt, MaskPrompt):
            return replace(prompt, masks=self.show(prompt.masks))
        return prompt


@dataclass
class ViewConfig:
    """Which views of a video a network sees, and how their masks become one.

    By default there is one view, the video itself.
    """

    scales: list[float] = field(default_factory=lambda: [1.0])
    """Factors of the network's input resolution. FVOS: 1.0, 1.125, … 1.75."""
    rotations: list[int] = field(default_factory=lambda: [0])
    """Degrees clockwise. FVOS: 0, 90, 180, 270."""
    flips: list[bool] = field(default_factory=lambda: [False])
    """Whether mirrored. FVOS: false, true."""
    cross: Literal["scales", "all"] = "scales"
    """`all`: every scale with every rotation with every flip (FVOS's lists: 56 views). `scales`:
    every scale with each rotation and with each flip, but never rotated and mirrored (35 views)."""
    fusion: Fusion = "mean"
    """`mean` of the probabilities; `weighted` by predicted IoU times presence; `vote`: each view
    votes for one object or background at each pixel, ties go to the higher mean probability."""
    at_once: int | None = None
    """Views held in memory together; the others come in further runs over the video, between which
    sums lie in a temporary file. Those of one scale that are held together share a batch in SAM 2
    and SAM 3, which rounds in its own way; beside that the result is the same. Default: all."""

    def __post_init__(self) -> None:
        for name in ("scales", "rotations", "flips"):
            if not getattr(self, name):
                raise ValueError(f"views.{name} must name at least one, got []")
        if self.at_once is not None and self.at_once < 1:
            raise ValueError(f"views.at_once must be at least 1, got {self.at_once}")
        self.views()

    def views(self) -> list[View]:
        """The views in the order they are summed.

        Example:
            >>> fvos = ViewConfig([1 + i / 8 for i in range(7)], [0, 90, 180, 270], [False, True])
            >>> len(fvos.views()), [view.name for view in fvos.views()[:5]]
            (35, ['x1', 'x1 90', 'x1 180', 'x1 270', 'x1 flip'])
        """
        if self.cross == "all":
            poses = list(product(self.flips, self.rotations))
        else:
            turned = [(self.flips[0], rotation) for rotation in self.rotations]
            poses = turned + [(flip, self.rotations[0]) for flip in self.flips[1:]]
        return [View(scale, rotation, flip) for scale in self.scales for flip, rotation in poses]

    def groups(self) -> Sequence[Sequence[View]]:
        """The views in groups of at most `at_once`."""
        views = self.views()
        size = self.at_once or len(views)
        return [views[start : start + size] for start in range(0, len(views), size)]

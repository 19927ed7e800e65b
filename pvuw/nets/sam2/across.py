"""What concerns rows of several batches of a SAM 2 session at once."""

from dataclasses import dataclass, replace

import torch
from sam2.modeling.sam2_base import SAM2Base
from torch import Tensor

from pvuw.nets.sam2.decoding import DecodedMasks
from pvuw.nets.sam2.groups import ObjectGroup, Target
from pvuw.nets.sam2.memory import MemoryFrame
from pvuw.ops.readback import Readback
from pvuw.types import FrameOutput


@dataclass
class Unsettled:
    """A frame that is written into no memory yet, since policies have to be told of it first."""

    frame_idx: int
    prompted: dict[Target, Tensor]
    """Masks given on it."""
    decoded: list[DecodedMasks]
    """Masks of each group, without the full-size ones."""
    memory: list[MemoryFrame]
    """What each group may remember of it."""
    numbers: Readback
    """How far the masks can be trusted, row by row, groups in order; see `trust`."""


def without_overlap(
    model: SAM2Base,
    groups: list[ObjectGroup],
    decoded: list[DecodedMasks],
    prompted: dict[Target, Tensor],
) -> list[DecodedMasks]:
    """Masks as memory takes them, each pixel left to its strongest object; given ones whole.

    Args:
        model: The network.
        groups: All rows of a frame.
        decoded: Their masks, group by group. Objects of different views do not meet.
        prompted: What was given on the frame.
    """
    full = [logits for masks in decoded for logits in masks.full_logits.unbind()]
    by_view: dict[int, dict[Target, Tensor]] = {}
    targets = (target for group in groups for target in group.targets)
    for target, logits in zip(targets, full, strict=True):
        by_view.setdefault(target.view, {})[target] = logits
    apart: dict[Target, Tensor] = {}
    for own in by_view.values():
        separated = model._apply_non_overlapping_constraints(torch.stack([*own.values()]))
        apart |= dict(zip(own, separated.unbind(), strict=True))
    return [
        masks
        if group.targets[0] in prompted
        else replace(masks, full_logits=torch.stack([apart[t] for t in group.targets]))
        for group, masks in zip(groups, decoded, strict=True)
    ]


def outputs_by_view(
    groups: list[ObjectGroup], decoded: list[DecodedMasks], object_ids: list[int], views: int
) -> list[FrameOutput]:
    """What the network says of a frame, one output for each view, objects in slot order.

    Args:
        groups: All rows of a frame.
        decoded: Their masks, group by group.
        object_ids: The objects in slot order, each of which has a row in every view.
        views: How many.
    """
    targets = [target for group in groups for target in group.targets]
    row_of = {target: row for row, target in enumerate(targets)}
    order = [row_of[Target(view, i)] for view in range(views) for i in object_ids]

    def joined(values: list[Tensor]) -> tuple[Tensor, ...]:
        # Row by row: an index made of a list would be copied to the device, which waits for it.
        rows = [row for value in values for row in value.unbind()]
        return torch.stack([rows[slot] for slot in order]).float().tensor_split(views)

    logits = joined([m.mask_logits[:, 0] for m in decoded])
    presence = joined([m.presence_logits[:, 0] for m in decoded])
    iou = joined([m.predicted_iou for m in decoded])
    return [FrameOutput([*object_ids], logits[v], presence[v], iou[v]) for v in range(views)]

"""One sentence about one video through Sa2VA, with what can be seen on the way."""

from dataclasses import dataclass, field
from unittest.mock import patch

import torch
from torch.nn import functional as F

from pvuw.nets.sa2va.answers import Answer
from pvuw.nets.sa2va.tracks import Seat


@dataclass
class Found:
    """What came out."""

    answer: Answer
    words: torch.Tensor
    outputs: list = field(default_factory=list)
    quarter: dict[int, torch.Tensor] = field(default_factory=dict)
    """Logits as the mask decoder gives them, by frame, `[N, S/4, S/4]`."""


def run(net, video, sentence):
    """The answer to a sentence and the masks of all frames."""
    kept = {}
    heard = net.answers

    def answers(*args):
        kept["answer"] = heard(*args)
        return kept["answer"]

    net.answers = answers
    (prompts,) = net.grounder.look(video, [sentence])
    net.answers = heard
    (answer,) = kept["answer"]
    with torch.inference_mode():
        found = Found(answer, net.words(answer))
    step = Seat.step

    def recorded(seat, *args, **options):
        said = step(seat, *args, **options)
        found.quarter[len(found.outputs)] = said.mask_logits
        return said

    session = net.start(len(video))
    with patch.object(Seat, "step", recorded):
        for t in range(len(video)):
            picture = net.picture(video.read_frame(t))
            last = t + 1 == len(video)
            found.outputs.append(session.step(picture, prompts.get(t), last=last))
    return found


def masks_of(found, size_hw):
    """Masks at the frames' size: for each object by frame, bool `[H, W]`."""
    masks = {}
    for t, output in enumerate(found.outputs):
        if not output.object_ids:
            continue
        logits = F.interpolate(
            output.mask_logits[None], size=size_hw, mode="bilinear", align_corners=False
        )[0]
        for slot, mask in enumerate(logits > 0):
            masks.setdefault(slot, {})[t] = mask
    return masks

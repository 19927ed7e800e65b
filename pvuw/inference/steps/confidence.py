"""Mask confidence control on the output, and hiding objects the network believes absent."""

from torch import Tensor

from pvuw.inference.scores import FrameScores, ScoreStream
from pvuw.inference.steps.base import ScoreStep
from pvuw.ops.probabilities import probabilities

_HIDDEN = -10.0


class ConfidenceControl(ScoreStep):
    """Replaces each object's logit by `probability * scale + bias`.

    The report of MASSeg ("DeepSegMa", https://arxiv.org/abs/2504.10254) scales masks by 7.5 and
    shifts them by -4.0 and does not say where. In SAM 2 these are the two numbers by which masks
    enter memory, `sigmoid(logits) * scale + bias`; for that set `Sam2.memory_mask_scale` and
    `memory_mask_bias`, in training too. This step applies the same formula to what comes out of any
    network. The threshold moves from a probability of 0.5 to `-bias / scale` (0.533 for 7.5 and
    -4; 0.5 for 20 and -10), and no logit leaves `bias .. scale + bias`, so that later fusion sees
    masks of limited sharpness: at 7.5 and -4, probabilities in 0.018 .. 0.971.

    Args:
        scale: Above 0.
        bias: Logit where the probability is 0.
    """

    def __init__(self, scale: float = 7.5, bias: float = -4.0) -> None:
        if scale <= 0:
            raise ValueError(f"ConfidenceControl.scale must be above 0, got {scale}")
        self.scale = scale
        self.bias = bias

    def run(self, frames: ScoreStream) -> ScoreStream:
        """Frames with changed logits."""
        for scores in frames:
            # No softmax gives these numbers: each object stands for itself from here on.
            yield scores.with_logits(self.control(scores), objects_compete=False)

    def control(self, scores: FrameScores) -> Tensor:
        """Changed logits of one frame, `[N, H, W]`."""
        objects, _ = probabilities(scores.mask_logits, objects_compete=scores.objects_compete)
        return objects * self.scale + self.bias


class PresenceThreshold(ScoreStep):
    """Hides objects whose presence score is low; networks without one are left alone.

    Args:
        min_presence: Objects below this P(visible), 0..1, are hidden. SAM 2 itself hides those
            below 0.5.
    """

    def __init__(self, min_presence: float = 0.5) -> None:
        if not 0 <= min_presence <= 1:
            raise ValueError(f"PresenceThreshold.min_presence must be in 0..1, got {min_presence}")
        self.min_presence = min_presence

    def run(self, frames: ScoreStream) -> ScoreStream:
        """Frames in which hidden objects have no logit above -10."""
        for scores in frames:
            presence = scores.output.presence_logits
            if presence is None:
                yield scores
                continue
            absent = presence.sigmoid().to(scores.mask_logits.device) < self.min_presence
            hidden = scores.mask_logits.clamp(max=_HIDDEN)
            logits = hidden.where(absent[:, None, None], scores.mask_logits)
            yield scores.with_logits(logits)

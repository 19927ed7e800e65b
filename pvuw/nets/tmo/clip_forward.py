"""TMO's training forward: one foreground per clip, motion from flow or from the frames."""

import torch
from torch import Tensor

from pvuw.nets.flow import FlowEstimator
from pvuw.nets.tmo.decoder import resize_bicubic
from pvuw.nets.tmo.network import TmoNetwork
from pvuw.types import ClipFeatures, ForegroundClip, VideoBatch


def forward_clip(
    network: TmoNetwork,
    batch: VideoBatch,
    *,
    estimator: FlowEstimator | None,
    still_share: float,
    features: bool = False,
) -> ForegroundClip:
    """Foreground of every frame of every clip, each frame by itself.

    Args:
        network: What is trained.
        batch: Clips of one object each: the union of all that is foreground.
        estimator: Of flow between a clip's frames; None: frames always stand in for motion.
        still_share: Chance that a clip's frames stand in for its motion though there is flow, as
            TMO's collaborative training does with still images (section 3.3).
        features: Also return the appearance maps at 1/16, as query and as memory: each frame is
            compared with all earlier ones of its clip.

    Raises:
        ValueError: If a clip has another number of objects than one.
    """
    if any(count != 1 for count in batch.num_objects):
        raise ValueError(
            f"TMO knows one foreground per clip, got {batch.num_objects} objects: train it with "
            "ForegroundModule, which merges them"
        )
    num_clips, num_frames = batch.frames.shape[:2]
    frames = _to_float(batch.frames)
    motion = _motion(frames, estimator, still_share)
    appearance = network.appearance(frames.flatten(0, 1))
    scores = network.decode(appearance.plus(network.motion(motion.flatten(0, 1))))
    scores = resize_bicubic(scores, (frames.shape[-2], frames.shape[-1]))
    by_clip = (num_clips, num_frames)
    logits = torch.unflatten(scores[:, 1] - scores[:, 0], 0, by_clip)
    output = ForegroundClip({t: logits[:, t] for t in range(num_frames)})
    if features:
        maps = torch.unflatten(appearance.s16, 0, by_clip).transpose(0, 1)
        output.features = ClipFeatures(maps, maps, [list(range(t)) for t in range(num_frames)])
    return output


def _motion(frames: Tensor, estimator: FlowEstimator | None, still_share: float) -> Tensor:
    """Pictures of motion `[B, T, 3, H, W]` in 0..1; a single frame has none but itself."""
    if estimator is None or frames.shape[1] == 1:
        return frames
    still = torch.rand(len(frames)).tolist()  # on the CPU: the same clips whatever the device
    return torch.stack(
        [
            clip if draw < still_share else _to_float(estimator.clip_pictures(clip))
            for clip, draw in zip(frames, still, strict=True)
        ]
    )


def _to_float(frames: Tensor) -> Tensor:
    return frames.float() / 255 if frames.dtype == torch.uint8 else frames.float()

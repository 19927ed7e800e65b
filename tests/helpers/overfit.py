"""Learning one clip by heart, and how well a session then follows its objects."""

import torch

from pvuw.metrics.accumulate import VideoScore
from pvuw.ops.id_maps import logits_to_id_map, resize_logits
from pvuw.sample.scene import generate_clip
from pvuw.types import MaskPrompt, VideoBatch

SIZE = 128
OBJECT_IDS = [5, 9]
PEAK_LR = 2e-3


def crossing_cars():
    """Two cars that overlap in the first frame and drive apart, with other cars around."""
    clip = generate_clip(51, num_frames=4, size_hw=(2 * SIZE, 2 * SIZE))
    window = (slice(None), slice(32, 32 + SIZE), slice(SIZE, 2 * SIZE))
    frames = torch.from_numpy(clip.frames[window].copy()).permute(0, 3, 1, 2)
    id_maps = torch.from_numpy(clip.id_maps[window].copy())
    return frames, torch.stack([id_maps == i for i in OBJECT_IDS], dim=1)


def batch_of(frames, masks):
    """One clip as a batch."""
    return VideoBatch(
        frames=frames[None],
        masks=masks[None],
        num_objects=[len(OBJECT_IDS)],
        object_ids=[OBJECT_IDS],
        video_ids=["clip"],
        frame_idx=torch.arange(len(frames))[None],
    )


def train(net, loss, frames, masks, *, steps):
    """Fit a network to a clip."""
    batch = batch_of(frames, masks)
    minimise(net, lambda: loss(net.forward_clip(batch), batch).total, steps=steps)


def minimise(net, total, *, steps, peak_lr=PEAK_LR, weight_decay=0.01):
    """Lower `total()`: warm-up of ten steps, then flat, then down over the last 40 %."""
    optimizer = torch.optim.AdamW(net.parameters(), weight_decay=weight_decay)
    net.train()
    for step in range(steps):
        rate = peak_lr * min((step + 1) / 10, 1.0, (steps - step) / (0.4 * steps))
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad()
        total().backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()


def track(net, frames, masks):
    """Id maps the session finds, the first frame's included."""
    session = net.eval().start(len(frames))
    outputs = [session.step(frames[0], MaskPrompt(OBJECT_IDS, masks[0]))]
    outputs += [session.step(frame) for frame in frames[1:]]
    size_hw = tuple(frames.shape[-2:])
    return [logits_to_id_map(resize_logits(o.mask_logits, size_hw), OBJECT_IDS) for o in outputs]


def id_map(masks):
    """Id map of one frame's masks, which do not overlap."""
    return sum(mask.byte() * i for mask, i in zip(masks, OBJECT_IDS, strict=True))


def jf(found, masks):
    """J&F over all frames but the prompted one."""
    score = VideoScore(OBJECT_IDS, "mose")
    score.observe(id_map(masks[0]).numpy())
    for found_ids, frame_masks in zip(found[1:], masks[1:], strict=True):
        score.add(id_map(frame_masks).numpy(), found_ids.numpy())
    score.observe(id_map(masks[-1]).numpy())  # the last frame never counts: let it be a repeat
    result = score.result()
    return (result.object_j.mean() + result.object_f.mean()) / 2

"""A video's frames, clip by clip, and what several sentences find in them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional as F

from pvuw.errors import DataError
from pvuw.io.videos import Video
from pvuw.nets.referdino.decoder import gathered
from pvuw.nets.referdino.network import Detections, ReferDinoModel, Sentence, Tracks
from pvuw.nets.referdino.spool import FrameSpool
from pvuw.nets.referdino.text import Words
from pvuw.nets.referdino.tracker import QueryTracker

CELL = 4
"""Pixels of the network's picture along a cell of a mask."""
LONGEST = 4
"""A picture is at most so many times as long as the recipe's shorter side."""


def picture_size(size_hw: tuple[int, int], short_side: int) -> tuple[int, int]:
    """Height and width that frames are resized to, by their shorter side.

    Example:
        >>> picture_size((135, 240), 360), picture_size((4, 4000), 360)
        ((360, 640), (32, 1440))
    """
    short, long = min(size_hw), max(size_hw)
    other = short_side * long // short
    if other > LONGEST * short_side:
        other = LONGEST * short_side
        short_side = max(other * short // long, 32)
    return (short_side, other) if size_hw[0] <= size_hw[1] else (other, short_side)


def resized(frame: Tensor, short_side: int) -> Tensor:
    """A frame, uint8 `[3, H, W]`, at the network's size."""
    size_hw = picture_size((frame.shape[-2], frame.shape[-1]), short_side)
    if frame.shape[-2:] == size_hw:
        return frame
    return F.interpolate(frame[None], size_hw, mode="bilinear", antialias=True)[0]


@dataclass
class _Looking:
    """What a sentence has found so far."""

    sentence: Sentence
    spool: FrameSpool = field(default_factory=FrameSpool)
    tracker: QueryTracker = field(default_factory=QueryTracker)
    queries: list[Tensor] = field(default_factory=list)
    boxes: list[Tensor] = field(default_factory=list)
    words: list[Tensor] = field(default_factory=list)

    def take(self, found: Detections) -> None:
        """Sort the queries of the next frames and keep what later steps read."""
        last = found.layers[-1]
        features, words = last.features.float(), found.words.float()
        index = torch.stack(
            [self.tracker.sort(*frame) for frame in zip(features, words, strict=True)]
        )
        self.queries.append(gathered(features, index).cpu())
        self.boxes.append(gathered(last.boxes.float(), index).cpu())
        self.words.append(words.cpu())
        self.spool.append(found.narrow.float())


class Sighting:
    """What one sentence found in a video: queries tracked through it, and masks on demand.

    In memory are `Q * (C + 5) + L * C` numbers a frame; what masks are made of is on disk.

    Args:
        model: The network.
        tracks: Queries of all frames, looked at together, on the CPU.
        words: The sentence's words in each frame, float `[T, L, C]`, on the CPU.
        spool: What masks are made of.
    """

    def __init__(
        self, model: ReferDinoModel, tracks: Tracks, words: Tensor, spool: FrameSpool
    ) -> None:
        self._model, self._tracks, self._words, self._spool = model, tracks, words, spool
        with torch.inference_mode():
            self.scores = model.scores(tracks.queries, words).sigmoid()

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self._words)

    @torch.inference_mode()
    def boxes(self) -> Tensor:
        """Boxes of all queries in all frames: centre and size in 0..1, float `[T, Q, 4]`."""
        device = self._model.level_embed.device
        return self._model.boxes(Tracks(*(part.to(device) for part in self._tracks))).cpu()

    @torch.inference_mode()
    def mask_logits(self, position: int) -> Tensor:
        """Mask logits of all queries in a frame, float32 `[Q, h, w]`, of stride `CELL`."""
        device = self._model.level_embed.device
        frame = slice(position, position + 1)
        tracks = Tracks(*(part[frame].to(device) for part in self._tracks))
        narrow = self._spool.read(position)[None].to(device)
        return self._model.masks(tracks, self._words[frame].to(device), narrow)[0].float()


@torch.inference_mode()
def look_through(
    model: ReferDinoModel, video: Video, asked: Sequence[Words], *, clip_frames: int
) -> list[Sighting]:
    """What sentences find in a video, whose frames are encoded once for all of them.

    Args:
        model: The network, in eval mode.
        video: Its frames.
        asked: The sentences.
        clip_frames: Frames that are encoded at once; changes memory and speed only.

    Raises:
        DataError: If a frame cannot be read.
    """
    device = model.level_embed.device
    looking = [_Looking(model.read(words)) for words in asked]
    for begin in range(0, len(video), clip_frames):
        positions = range(begin, min(begin + clip_frames, len(video)))
        frames = [resized(video.read_frame(t), model.config.short_side) for t in positions]
        images = model.see(torch.stack(frames).to(device))
        for one in looking:
            one.take(model.detect(images, one.sentence))
    if len(video) == 0:
        raise DataError(f"video {video.video_id}: has no frames")
    return [_finished(model, one) for one in looking]


def _finished(model: ReferDinoModel, one: _Looking) -> Sighting:
    device = model.level_embed.device
    queries, boxes, words = (torch.cat(parts) for parts in (one.queries, one.boxes, one.words))
    together = model.temporal_decoder(queries.to(device), words[:, 0].to(device))
    return Sighting(model, Tracks(together.float().cpu(), boxes), words, one.spool)

"""From sentences to tracks: the language model answers, SAM 2 decodes what it means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from pvuw.io.videos import Video
from pvuw.nets.grounding import Grounder
from pvuw.nets.sa2va.language import LanguageSam
from pvuw.nets.sa2va.rehearsal import look_back, rehearse
from pvuw.nets.sa2va.tracks import SentencePrompt, SharedTracks
from pvuw.types import Prompt

if TYPE_CHECKING:
    from pvuw.nets.sa2va.net import Sa2va


class Sa2vaGrounder(Grounder):
    """Asks the language model about the key frames, and SAM 2 what [SEG] means on them.

    Args:
        net: Its network.
    """

    def __init__(self, net: Sa2va) -> None:
        self.net = net

    @torch.inference_mode()
    def look(self, video: Video, sentences: Sequence[str]) -> list[Mapping[int, Prompt]]:
        """See `Grounder.look`; a sentence answered without [SEG] means nothing in the video.

        Raises:
            DataError: If a frame cannot be read, or a sentence is longer than the model reads.
        """
        net, length = self.net, len(video)
        positions = net.key_frames.positions(length)
        frames = {t: video.read_frame(t) for t in positions}
        tokens = net.hear(video.video_id, [frames[t] for t in positions], sentences)
        first_row, owners = 0, []
        for found in tokens:
            owners.append(range(first_row, first_row + len(found)))
            first_row += len(found)
        if not first_row:
            return [{} for _ in sentences]

        def picture(frame_idx: int) -> Tensor:
            frame = frames[frame_idx] if frame_idx in frames else video.read_frame(frame_idx)
            return net.picture(frame)

        sam = LanguageSam(net.sam2, net.tuned_decoder, num_frames=length)
        prompted = positions if net.prompt_frames == "key_frames" else range(len(positions))
        rehearsal = rehearse(
            sam,
            torch.cat(tokens),
            prompted,
            picture,
            size_hw=video.size_hw,
            batch_size=net.objects_per_batch,
        )
        if net.look_back:
            look_back(rehearsal, picture, num_frames=length)
        answered = sum(bool(rows) for rows in owners)
        tracks = SharedTracks(rehearsal, sessions=answered)
        return [
            {rehearsal.start: _prompt(found, tracks, list(rows))} if rows else {}
            for found, rows in zip(tokens, owners, strict=True)
        ]


def _prompt(tokens: Tensor, tracks: SharedTracks, rows: list[int]) -> SentencePrompt:
    """What one sentence means; its objects have the ids from 1 on."""
    return SentencePrompt(list(range(1, len(rows) + 1)), tokens, tracks, rows)

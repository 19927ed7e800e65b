"""ReferDINO as a `VideoSegmenter` that is asked in sentences."""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from pvuw.errors import PvuwError
from pvuw.nets.base import TrainableSegmenter, VideoSession
from pvuw.nets.checkpoint import load_official
from pvuw.nets.referdino.config import ReferDinoConfig, config_of
from pvuw.nets.referdino.grounder import Choice, ReferDinoGrounder
from pvuw.nets.referdino.keys import from_release, is_release
from pvuw.nets.referdino.network import ReferDinoModel
from pvuw.nets.referdino.text import Tokenizer
from pvuw.nets.referdino.training import run_clips
from pvuw.nets.referdino.video import CELL, picture_size
from pvuw.nets.shipped import SHIPPED, shipped_words
from pvuw.types import DetectionClip, FrameOutput, Prompt, TokenPrompt, VideoBatch

_TRAINED = tuple(
    f"model.{name}."
    for name in (
        "feat_map", "bbox_embed", "temporal_decoder", "pixel_decoder", "mask_decoder",
        "backbone.swin.hidden_states_norms.stage1",
    )
)  # fmt: skip
"""What ReferDINO's training changes, besides BERT's norms and adapters."""
AS_PUBLISHED = Choice()
"""What is meant where a recipe says nothing else."""


class ReferDino(TrainableSegmenter):
    """ReferDINO (Liang et al. 2025): finds what a sentence means in every frame of a video.

    Paper: https://arxiv.org/abs/2501.14607. What it makes of a video is decided over all frames,
    so its grounder does the work, once for all sentences of a video; a session hands out the masks.
    It is trained on clips whose slots are what sentences mean (`VideoBatch.sentences`).

    Args:
        size: `nano` (made for training from scratch on small images; no published weights),
            `swint` or `swinb`, or the numbers themselves, in Python.
        vocabulary: `vocab.txt` of bert-base-uncased, or the folder that holds it; needed as soon as
            a sentence is asked. `shipped`: the words of generated sentences and all letters, for
            `nano`.
        weights: A published file, an exported one or a training checkpoint; adapters are merged.
            Default: random weights.
        choice: Which of the objects found are meant; an empty mapping is the published rule.
        clip_frames: Frames that are encoded at once; fewer take less memory, results are the same.
    """

    takes_masks = False
    clip_output = DetectionClip
    grounder: ReferDinoGrounder

    def __init__(
        self,
        size: str | ReferDinoConfig = "nano",
        *,
        vocabulary: Path | None = None,
        weights: Path | None = None,
        choice: Choice = AS_PUBLISHED,
        clip_frames: int = 36,
    ) -> None:
        super().__init__()
        if clip_frames < 1:
            raise PvuwError(f"clip_frames must be at least 1, got {clip_frames}")
        _require_transformers()
        config = config_of(size) if isinstance(size, str) else size
        self.model = ReferDinoModel(config)
        if vocabulary == Path(SHIPPED):
            vocabulary = shipped_words()
        tokenizer = None if vocabulary is None else Tokenizer(vocabulary)
        if tokenizer is not None and tokenizer.size > config.bert.vocabulary:
            raise PvuwError(
                f"vocabulary: {vocabulary} has {tokenizer.size} words, the network knows "
                f"{config.bert.vocabulary}; give the one it was trained with"
            )
        self.grounder = ReferDinoGrounder(self.model, tokenizer, choice, clip_frames)
        if weights is not None:
            load_official(weights, self)

    def start(self, num_frames: int | None = None, *, scale: float = 1.0) -> "ReferDinoSession":
        """Begin a video, whose length does not matter.

        Raises:
            PvuwError: If another scale than 1 is asked for: the grounder looks at one only.
        """
        del num_frames
        if scale != 1:
            raise PvuwError(f"inference.views.scales: ReferDino looks at scale 1 only, got {scale}")
        return ReferDinoSession(self.model.config.short_side)

    def forward_clip(self, batch: VideoBatch, *, features: bool = False) -> DetectionClip:
        """What each layer finds of each sentence, at the size of the clips.

        Raises:
            PvuwError: If the clips have no sentences, or the network no vocabulary.
        """
        del features  # there are none that a loss compares
        return run_clips(self.model, batch, self.grounder.words)

    def network_size(self, size_hw: tuple[int, int]) -> tuple[int, int]:
        """Height and width a frame is resized to, by its shorter side."""
        return picture_size(size_hw, self.model.config.short_side)

    def parts(self) -> dict[str, tuple[str, ...]]:
        """Both encoders, what fuses them, the decoder, what looks over time, and the mask head.

        `pretrained` is what ReferDINO's training leaves as Grounding DINO brought it.
        """
        named = {
            "image_encoder": ("backbone", "input_proj"),
            "text_encoder": ("text", "feat_map"),
            "fusion_encoder": ("encoder", "level_embed"),
            "decoder": ("proposals", "decoder", "bbox_embed", "tgt_embed"),
            "temporal_decoder": ("temporal_decoder",),
            "mask_head": ("pixel_decoder", "mask_decoder"),
        }
        parts = {part: tuple(f"model.{name}" for name in names) for part, names in named.items()}
        frozen = (name for name, _ in self.named_parameters() if not name.startswith(_TRAINED))
        return parts | {"pretrained": tuple(n for n in frozen if ".LayerNorm." not in n)}

    def official_part(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Weights of a published file under our names, adapters merged."""
        return from_release(weights) if is_release(weights) else dict(weights)

    def official_state_dict(self) -> dict[str, Tensor]:
        """Weights under our names; an export writes the release's, for it keeps some otherwise."""
        return self.model.state_dict()


def _require_transformers() -> None:
    if find_spec("transformers") is None:
        raise PvuwError(
            "ReferDino needs transformers, which is not installed: pip install 'pvuw-vos[language]'"
        )


class ReferDinoSession(VideoSession):
    """Hands out what the grounder found, frame by frame.

    Args:
        short_side: Pixels of the shorter side of the network's picture.
    """

    def __init__(self, short_side: int) -> None:
        self._short_side = short_side
        self._ids: list[int] = []

    @property
    def object_ids(self) -> list[int]:
        """File ids of what sentences mean."""
        return list(self._ids)

    @torch.inference_mode()
    def step(
        self,
        frame: Tensor,
        prompt: Prompt | None = None,
        *,
        last: bool = False,
        next_frame: Tensor | None = None,
    ) -> FrameOutput:
        """The strongest logit at each pixel of a frame, of those that its prompt brings.

        Raises:
            TypeError: If the prompt is a mask.
        """
        del last, next_frame
        height, width = frame.shape[-2:]
        if prompt is None:
            nothing = torch.full((len(self._ids), height, width), -1.0, device=frame.device)
            return FrameOutput(self.object_ids, nothing)
        if not isinstance(prompt, TokenPrompt):
            raise TypeError("ReferDino is prompted by what its grounder makes of sentences")
        self._ids = list(prompt.object_ids)
        rows, columns = (
            -(-side // CELL) for side in picture_size((height, width), self._short_side)
        )
        # Each object by itself at full size, as published: the sum of masks, not of logits.
        logits = prompt.tokens.float().view(len(self._ids), -1, rows, columns)
        full = F.interpolate(logits, (height, width), mode="bilinear", align_corners=False)
        return FrameOutput(self.object_ids, full.amax(1))

    def remove_object(self, object_id: int) -> None:
        """Forget an object until a prompt brings it again."""
        if object_id not in self._ids:
            raise KeyError(object_id)
        self._ids.remove(object_id)

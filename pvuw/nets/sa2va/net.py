"""Sa2VA as a `VideoSegmenter`."""

import copy
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from pvuw.errors import PvuwError, WeightsError
from pvuw.nets.base import VideoSegmenter
from pvuw.nets.checkpoint import weight_differences
from pvuw.nets.sa2va.answers import Answer
from pvuw.nets.sa2va.build import NANO, build_mllm, build_sam2
from pvuw.nets.sa2va.directory import Shards, load_directory
from pvuw.nets.sa2va.grounder import Sa2vaGrounder
from pvuw.nets.sa2va.key_frames import FirstFrames, KeyFrames
from pvuw.nets.sa2va.qwen import QwenVlReader
from pvuw.nets.sa2va.readers import InternVlReader, Reader
from pvuw.nets.sa2va.session import Sa2vaSession
from pvuw.nets.sa2va.structure import Structure, read_structure
from pvuw.nets.sa2va.tokens import read_tokenizer
from pvuw.nets.sam2.features import resize_frame
from pvuw.nets.sam2.scratch import prepare_scratch
from pvuw.nets.weights_file import read_weights_file

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


class Sa2va(VideoSegmenter):
    """Sa2VA (Yuan et al. 2025, https://arxiv.org/abs/2501.04001): a sentence becomes masks.

    A language model looks at key frames and answers; where it says [SEG], its hidden state tells
    SAM 2 what to segment on those frames, and SAM 2's memory carries the masks through the video.
    Given masks instead of a sentence it is SAM 2.

    Args:
        weights: Directory as published (docs/sa2va.md): structure, tokenizer and weights. Default:
            the nano structure with random weights, for training from scratch.
        key_frames: Which frames the language model looks at; default: the first 5, as published.
        prompt_frames: Where SAM 2 is told the words: on the `key_frames`, or on the `first_k`
            frames of the video, as many as there are key frames.
        look_back: Find masks for the frames before the first prompted one as well, backwards from
            it. Otherwise they are empty.
        original_decoder: Official SAM 2.0 file. Its mask decoder then propagates masks, and the
            tuned one only makes those of the key frames: Sa2VA-i's inference. A directory of
            Sa2VA-i holds both decoders and needs no file.
        segments: What an answer with several [SEG] means: the `first` one, as upstream's
            evaluation has it, or `all`, each an object of its own.
        dtype: Number format of the language model. Published files are float32, which takes twice
            the memory of bfloat16, in which the models were trained.
        max_new_tokens: Longest answer.
        objects_per_batch: Most objects of all sentences together that SAM 2 runs in one batch.
    """

    def __init__(
        self,
        weights: Path | None = None,
        *,
        key_frames: KeyFrames | None = None,
        prompt_frames: Literal["key_frames", "first_k"] = "key_frames",
        look_back: bool = True,
        original_decoder: Path | None = None,
        segments: Literal["first", "all"] = "first",
        dtype: Literal["float32", "bfloat16"] = "float32",
        max_new_tokens: int = 2048,
        objects_per_batch: int = 16,
    ) -> None:
        super().__init__()
        folder = NANO if weights is None else weights
        if not folder.is_dir():
            raise WeightsError(
                f"{folder}: no directory; give one as Sa2VA is published (docs/sa2va.md)"
            )
        self.structure = read_structure(folder)
        self.reader = reader_of(self.structure, folder, max_new_tokens=max_new_tokens)
        self.mllm = build_mllm(self.structure, empty=weights is not None)
        self.sam2 = build_sam2(self.structure, folder)
        words = self.sam2.sam_prompt_encoder.embed_dim
        width = self.structure.width
        self.text_hidden_fcs = nn.Sequential(
            nn.Linear(width, width), nn.ReLU(), nn.Linear(width, words)
        )
        self.tuned_decoder: nn.Module | None = None
        if weights is None:
            prepare_scratch(self.sam2)
        else:
            self._load(Shards(folder), _DTYPES[dtype])
        if original_decoder is not None:
            self._take_original_decoder(original_decoder)
        self.key_frames = key_frames or FirstFrames()
        self.prompt_frames = prompt_frames
        self.look_back = look_back
        self.segments = segments
        self.objects_per_batch = objects_per_batch
        self.grounder = Sa2vaGrounder(self)
        self._pictures: dict[int, tuple[weakref.ref[Tensor], Tensor]] = {}

    def start(self, num_frames: int | None = None, *, scale: float = 1.0) -> Sa2vaSession:
        """Begin a video.

        Raises:
            PvuwError: At another scale than 1: key frames are read before any view is known.
            RuntimeError: In training mode, where dropout would make the masks random.
        """
        if scale != 1:
            raise PvuwError(
                f"inference.views: Sa2VA runs at the scale it was trained at, got {scale}; leave "
                "scales at [1.0]"
            )
        if self.training:
            raise RuntimeError("the network is in training mode; call .eval() before start()")
        return Sa2vaSession(self.sam2, num_frames, batch_size=self.objects_per_batch)

    def picture(self, frame: Tensor, *, scale: float = 1.0) -> Tensor:
        """The frame as a square; the same tensor for a frame that was asked for lately."""
        known = self._pictures.get(id(frame))
        if known is not None and known[0]() is frame:
            return known[1]
        picture = resize_frame(frame, self.sam2.image_size)
        alive = {key: pair for key, pair in [*self._pictures.items()] if pair[0]() is not None}
        self._pictures = alive | {id(frame): (weakref.ref(frame), picture)}
        return picture

    def network_size(self, size_hw: tuple[int, int]) -> tuple[int, int]:
        """The square of SAM 2's image size."""
        return self.sam2.image_size, self.sam2.image_size

    def hear(
        self, video_id: str, frames: Sequence[Tensor], sentences: Sequence[str]
    ) -> list[Tensor]:
        """Tokens of what sentences mean, for each float `[N, C]`, none where nothing is meant.

        Args:
            video_id: Names the video in messages.
            frames: Key frames, each uint8 `[3, H, W]`.
            sentences: What is asked.

        Raises:
            DataError: If a sentence is longer than the language model reads.
        """
        return [self.words(answer) for answer in self.answers(video_id, frames, sentences)]

    def answers(
        self, video_id: str, frames: Sequence[Tensor], sentences: Sequence[str]
    ) -> list[Answer]:
        """What the language model answers; arguments as of `hear`."""
        return self.reader.answers(self.mllm, frames, sentences, video_id=video_id)

    def words(self, answer: Answer) -> Tensor:
        """What SAM 2 is told of an answer, float `[N, C]`."""
        states = answer.seg_states[:1] if self.segments == "first" else answer.seg_states
        if not states:
            return next(self.text_hidden_fcs.parameters()).new_zeros(0, self.sam2.hidden_dim)
        told: Tensor = self.text_hidden_fcs(torch.stack(states).float())
        return told

    def parts(self) -> dict[str, tuple[str, ...]]:
        """The language model and its eyes, and SAM 2's by the names of `Sam2`."""
        sam2 = {
            "image_encoder": ("image_encoder",),
            "prompt_encoder": ("sam_prompt_encoder",),
            "mask_decoder": ("sam_mask_decoder",),
        }
        placed = [name for names in sam2.values() for name in names]
        roots = {name.partition(".")[0]: None for name, _ in self.sam2.named_parameters()}
        sam2["memory"] = tuple(name for name in roots if name not in placed)
        named = {part: tuple(f"sam2.{name}" for name in names) for part, names in sam2.items()}
        parts: dict[str, tuple[str, ...]] = {
            "vision_tower": ("vision_tower",),
            "projector": ("multi_modal_projector",),
            "language_model": ("language_model",),
        }
        if self.structure.is_qwen_vl:  # its projector is the last module of the tower
            parts = {"vision_tower": ("visual",), "language_model": ("language_model",)}
        mllm = {
            part: tuple(f"mllm.model.{name}" for name in names) for part, names in parts.items()
        }
        mllm["language_model"] += ("mllm.lm_head",)
        return (
            named
            | mllm
            | {
                "text_hidden_fcs": ("text_hidden_fcs",),
                **({"tuned_decoder": ("tuned_decoder",)} if self.tuned_decoder is not None else {}),
            }
        )

    def official_state_dict(self) -> dict[str, Tensor]:
        """Weights under the published names, joined where they are stored as one."""
        layout = self.structure.layout
        own = self.state_dict()
        published = dict.fromkeys(layout.published(name) for name in own)
        return {
            name: layout.join(name, [own[ours] for ours in layout.ours(name)]) for name in published
        }

    def _load(self, shards: Shards, dtype: torch.dtype) -> None:
        layout = self.structure.layout
        if any("sam_mask_decoder_modified." in name for name in shards.shapes):
            self.tuned_decoder = copy.deepcopy(self.sam2.sam_mask_decoder)
        load_directory(self, shards, layout, dtype=dtype)

    def _take_original_decoder(self, path: Path) -> None:
        """Keep the tuned decoder apart and give SAM 2 the one of an official file."""
        if self.tuned_decoder is not None:
            raise PvuwError(
                f"{path}: original_decoder is for Sa2VA; the directory is of Sa2VA-i and holds it"
            )
        self.tuned_decoder = copy.deepcopy(self.sam2.sam_mask_decoder)
        content = read_weights_file(path)
        found = content.get("model", content) if isinstance(content, dict) else {}
        begin = "sam_mask_decoder."
        decoder = {n[len(begin) :]: w for n, w in found.items() if n.startswith(begin)}
        own = self.sam2.sam_mask_decoder.state_dict()
        if problems := weight_differences(decoder, own):
            raise WeightsError(
                f"{path}: no mask decoder of this SAM 2 ({'; '.join(problems)}); give the official "
                "SAM 2.0 large file"
            )
        self.sam2.sam_mask_decoder.load_state_dict(decoder)


def reader_of(structure: Structure, folder: Path, *, max_new_tokens: int) -> Reader:
    """What reads frames and sentences for a directory's language model."""
    tokenizer = read_tokenizer(folder)
    if structure.is_qwen_vl:
        return QwenVlReader(structure, tokenizer, folder, max_new_tokens=max_new_tokens)
    return InternVlReader(structure, tokenizer, max_new_tokens=max_new_tokens)

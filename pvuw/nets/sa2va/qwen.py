"""Frames and sentences as Qwen2.5-VL and Qwen3-VL take them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pvuw.errors import WeightsError
from pvuw.nets.sa2va.answers import Answer, write_answers
from pvuw.nets.sa2va.prompts import question
from pvuw.nets.sa2va.readers import Reader
from pvuw.nets.sa2va.structure import Structure
from pvuw.nets.sa2va.tokens import Tokenizer

_MIN_PIXELS, _MAX_PIXELS = 512 * 28 * 28, 2048 * 28 * 28
"""What upstream scales every frame into."""
_FACTOR = 28
"""Upstream first brings frames to multiples of this."""
_VIDEO_START, _VIDEO_END = "<|vision_start|>", "<|vision_end|>"


class QwenVlReader(Reader):
    """Frames of any shape, one after the other, before the sentence; one sentence at a time.

    Args:
        structure: The network's.
        tokenizer: Its tokenizer.
        folder: Its directory, with `preprocessor_config.json`.
        max_new_tokens: Longest answer.

    Raises:
        WeightsError: If the tokenizer is of another model, or there is no preprocessor.
    """

    image_token = "<|image_pad|>"

    def __init__(
        self, structure: Structure, tokenizer: Tokenizer, folder: Path, *, max_new_tokens: int
    ) -> None:
        from transformers import Qwen2VLImageProcessorPil

        super().__init__(structure, tokenizer, max_new_tokens=max_new_tokens)
        if not (folder / "preprocessor_config.json").is_file():
            raise WeightsError(
                f"{folder}: no preprocessor_config.json; download the directory again"
            )
        size = {"shortest_edge": _MIN_PIXELS, "longest_edge": _MAX_PIXELS}
        self.processor: Any = Qwen2VLImageProcessorPil.from_pretrained(folder, size=size)
        # Qwen2.5-VL's chats begin with a system turn, Qwen3-VL's do not.
        says_system = structure.config.model_type == "qwen2_5_vl"
        system = "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
        self.before = system if says_system else ""

    def answers(
        self, mllm: nn.Module, frames: Sequence[Tensor], sentences: Sequence[str], *, video_id: str
    ) -> list[Answer]:
        """See `Reader.answers`."""
        patches, grids = self.patches(frames)
        answers = []
        for sentence in sentences:
            prompt = self.prompt(sentence, grids)
            self.check_length(len(prompt), sentence, video_id=video_id)
            row = _Row(mllm, torch.tensor(prompt), self.image_id, patches, grids)
            answers += write_answers(mllm, row, 1, seg_id=self.seg_id, stop=self.stop)
        return answers

    def patches(self, frames: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Patches of all frames, `[P, values]`, and each frame's grid of them, `[K, 3]`."""
        from PIL import Image

        pictures = [Image.fromarray(frame.cpu().permute(1, 2, 0).numpy()) for frame in frames]
        whole = [picture.resize(_multiple(picture.size)) for picture in pictures]
        found = self.processor(images=whole, return_tensors="pt")
        return found["pixel_values"], found["image_grid_thw"]

    def prompt(self, sentence: str, grids: Tensor) -> list[int]:
        """Ids of the chat about frames."""
        merged = self.processor.merge_size**2
        shown = "".join(
            f"{_VIDEO_START}{self.image_token * (int(grid.prod()) // merged)}{_VIDEO_END}"
            for grid in grids
        )
        text = f"{shown}\n{question(sentence)}"
        chat = f"<|im_start|>user\n{text}<|im_end|>\n<|im_start|>assistant\n"
        return self.tokenizer.encode(f"{self.before}{chat}")


class _Row:
    """One prompt in the language model's cache."""

    def __init__(
        self, mllm: Any, prompt: Tensor, image_id: int, patches: Tensor, grids: Tensor
    ) -> None:
        from transformers import DynamicCache

        self.mllm = mllm
        self.prompt = prompt[None].to(mllm.device)
        self.image_id = image_id
        self.patches = patches.to(mllm.device, mllm.dtype)
        self.grids = grids.to(mllm.device)
        self.cache = DynamicCache(config=mllm.config.get_text_config())

    def read_prompts(self) -> Tensor:
        """Hidden state of the prompt's last token, float `[1, D]`."""
        return self._forward(
            input_ids=self.prompt,
            attention_mask=torch.ones_like(self.prompt),
            pixel_values=self.patches,
            image_grid_thw=self.grids,
            mm_token_type_ids=(self.prompt == self.image_id).int(),
        )

    def read(self, ids: Sequence[int]) -> Tensor:
        """Hidden state of one more token, float `[1, D]`."""
        return self._forward(input_ids=torch.tensor([list(ids)], device=self.prompt.device))

    def _forward(self, **inputs: Tensor) -> Tensor:
        output = self.mllm.model(**inputs, past_key_values=self.cache, use_cache=True)
        state: Tensor = output.last_hidden_state[:, -1]
        return state


def _multiple(size: tuple[int, int]) -> tuple[int, int]:
    """The nearest width and height that are multiples of `_FACTOR`."""
    width, height = (max(_FACTOR, round(side / _FACTOR) * _FACTOR) for side in size)
    return width, height

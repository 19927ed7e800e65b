"""Frames and sentences as the language model takes them, for each kind of model."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from pvuw.errors import DataError, WeightsError
from pvuw.nets.sa2va.answers import Answer, SharedRows, Stop, write_answers
from pvuw.nets.sa2va.prompts import IMAGE, SEG, TURN_END, video_chat
from pvuw.nets.sa2va.structure import Structure
from pvuw.nets.sa2va.tokens import Tokenizer
from pvuw.nets.sam2.features import resize_frame
from pvuw.ops.images import normalize_images


class Reader(ABC):
    """What a language model says about key frames of a video.

    Args:
        structure: The network's.
        tokenizer: Its tokenizer.
        max_new_tokens: Longest answer.

    Raises:
        WeightsError: If the tokenizer is of another model.
    """

    image_token: str

    def __init__(self, structure: Structure, tokenizer: Tokenizer, *, max_new_tokens: int) -> None:
        self.structure = structure
        self.tokenizer = tokenizer
        vocabulary = int(structure.config.get_text_config().vocab_size)
        if len(tokenizer) > vocabulary:
            raise WeightsError(
                f"the tokenizer has {len(tokenizer)} tokens and {structure.name} knows "
                f"{vocabulary}: it is another model's; give the tokenizer of the directory"
            )
        found = [tokenizer.id_of(token) for token in (SEG, TURN_END, self.image_token)]
        if None in found:
            raise WeightsError(
                f"the tokenizer does not know {self.image_token}, which {structure.name} needs: it "
                "is another model's; give the tokenizer of the directory"
            )
        self.seg_id, turn_end, self.image_id = (int(i) for i in found if i is not None)
        self.stop = Stop(frozenset({turn_end, tokenizer.eos_id}), max_new_tokens)

    @abstractmethod
    def answers(
        self, mllm: nn.Module, frames: Sequence[Tensor], sentences: Sequence[str], *, video_id: str
    ) -> list[Answer]:
        """What is answered to each sentence.

        Args:
            mllm: The language model, in evaluation mode.
            frames: Key frames, each uint8 `[3, H, W]`.
            sentences: What is asked.
            video_id: Names the video in messages.

        Raises:
            DataError: If a sentence and the frames are longer than the model reads.
        """

    def check_length(self, tokens: int, sentence: str, *, video_id: str) -> None:
        """Refuse what is longer than the model reads.

        Raises:
            DataError: If it is.
        """
        if tokens >= self.structure.max_context:
            shown = sentence if len(sentence) < 40 else f"{sentence[:37]}..."
            raise DataError(
                f"video {video_id}: {shown!r} and the key frames take {tokens} tokens, "
                f"{self.structure.name} reads {self.structure.max_context}; shorten the sentence "
                "or take fewer key frames"
            )


class InternVlReader(Reader):
    """Frames as a square each, between text, for InternVL."""

    image_token = IMAGE

    def answers(
        self, mllm: nn.Module, frames: Sequence[Tensor], sentences: Sequence[str], *, video_id: str
    ) -> list[Answer]:
        """See `Reader.answers`."""
        prompts = []
        for sentence in sentences:
            text = video_chat(
                sentence,
                num_frames=len(frames),
                tokens_per_frame=self.structure.tokens_per_frame,
            )
            prompts.append(self.tokenizer.encode(text))
            self.check_length(len(prompts[-1]), sentence, video_id=video_id)
        seen = self.see(mllm, frames).flatten(0, 1)
        embedded = [self.embed(mllm, prompt, seen) for prompt in prompts]
        rows = SharedRows(mllm, prompts, embedded)
        return write_answers(mllm, rows, len(prompts), seg_id=self.seg_id, stop=self.stop)

    def see(self, mllm: Any, frames: Sequence[Tensor]) -> Tensor:
        """Tokens of frames, `[K, P, D]`."""
        pixels = self.pixels(frames).to(mllm.device, mllm.dtype)
        seen: Tensor = mllm.model.get_image_features(
            pixel_values=pixels, return_dict=True
        ).pooler_output
        return seen

    def pixels(self, frames: Sequence[Tensor]) -> Tensor:
        """Frames as the vision tower takes them, float `[K, 3, S, S]`."""
        side = self.structure.image_side
        return normalize_images(torch.stack([resize_frame(frame, side) for frame in frames]))

    def embed(self, mllm: Any, prompt: Sequence[int], seen: Tensor) -> Tensor:
        """A prompt's tokens, those of the frames in place, float `[L, D]`."""
        ids = torch.tensor(prompt, device=mllm.device)
        embedded: Tensor = mllm.get_input_embeddings()(ids)
        return embedded.masked_scatter((ids == self.image_id)[:, None], seen.to(embedded.dtype))

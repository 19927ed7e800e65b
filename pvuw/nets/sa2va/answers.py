"""What the language model answers to sentences about a video, and where it means an object."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor, nn


@dataclass
class Answer:
    """What was answered to one sentence."""

    ids: list[int] = field(default_factory=list)
    """Tokens, the one that ends the answer included."""
    seg_states: list[Tensor] = field(default_factory=list)
    """The model's last hidden state at each [SEG], float `[D]`."""


@dataclass(frozen=True)
class Stop:
    """When an answer ends."""

    ids: frozenset[int]
    """Tokens that end it."""
    max_tokens: int
    """Most tokens of an answer."""


class Rows(Protocol):
    """Prompts in a language model's cache."""

    def read_prompts(self) -> Tensor:
        """Hidden state of each prompt's last token, float `[N, D]`."""

    def read(self, ids: Sequence[int]) -> Tensor:
        """Hidden state of one more token of each row, float `[N, D]`."""


def write_answers(mllm: Any, rows: Rows, count: int, *, seg_id: int, stop: Stop) -> list[Answer]:
    """Greedy answers to prompts, written side by side.

    Args:
        mllm: The language model, in evaluation mode.
        rows: The prompts.
        count: How many.
        seg_id: The token whose hidden states are wanted.
        stop: When answers end.
    """
    answers = [Answer() for _ in range(count)]
    states = rows.read_prompts()
    running = set(range(count))
    for step in range(stop.max_tokens):
        chosen = mllm.lm_head(states).argmax(-1).tolist()
        for i in sorted(running):
            answers[i].ids.append(chosen[i])
            if chosen[i] in stop.ids:
                running.discard(i)
        if not running or step + 1 == stop.max_tokens:
            break
        states = rows.read(chosen)
        for i in running:
            if chosen[i] == seg_id:
                answers[i].seg_states.append(states[i])
    return answers


class SharedRows:
    """Prompts side by side: what all begin with, the frames among it, is read once.

    Args:
        mllm: transformers' InternVL.
        prompts: Ids of each.
        embedded: Their embeddings, the frames' in place, each float `[L, D]`.
    """

    def __init__(
        self, mllm: Any, prompts: Sequence[Sequence[int]], embedded: Sequence[Tensor]
    ) -> None:
        from transformers import DynamicCache

        shared = _shared_length(prompts)
        self.mllm = mllm
        self.shared = shared
        self.embedded = embedded
        self.cache = DynamicCache(config=mllm.config.get_text_config())
        lengths = [len(prompt) for prompt in embedded]
        device = embedded[0].device
        self.position = torch.tensor(lengths, device=device)[:, None]
        own = torch.tensor([length - shared for length in lengths], device=device)[:, None]
        longest = int(own.max())
        behind = torch.arange(longest, device=device) - (longest - own)  # [N, L], negative: padding
        self.mask = torch.cat(
            [torch.ones(len(lengths), shared, device=device), (behind >= 0).float()], 1
        ).long()
        self.own_positions = (behind + shared).clamp_min(0)

    def read_prompts(self) -> Tensor:
        """Hidden state of each prompt's last token, float `[N, D]`."""
        if self.shared:
            self._forward(self.embedded[0][None, : self.shared])
            self.cache.batch_repeat_interleave(len(self.embedded))
        own = [prompt[self.shared :] for prompt in self.embedded]
        padded = nn.utils.rnn.pad_sequence(
            own, batch_first=True, padding_side="left"
        )  # the last tokens stand together
        return self._forward(padded, self.mask, self.own_positions)[:, -1]

    def read(self, ids: Sequence[int]) -> Tensor:
        """Hidden state of one more token of each row, float `[N, D]`."""
        embed = self.mllm.get_input_embeddings()
        tokens = torch.tensor(ids, device=self.position.device)[:, None]
        self.mask = torch.cat([self.mask, torch.ones_like(tokens)], 1)
        states = self._forward(embed(tokens), self.mask, self.position)[:, -1]
        self.position = self.position + 1
        return states

    def _forward(
        self, embedded: Tensor, mask: Tensor | None = None, positions: Tensor | None = None
    ) -> Tensor:
        output = self.mllm.model.language_model(
            inputs_embeds=embedded,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=self.cache,
            use_cache=True,
        )
        states: Tensor = output.last_hidden_state
        return states


def _shared_length(prompts: Sequence[Sequence[int]]) -> int:
    """How many tokens all prompts begin with, one less than the shortest has at most; 0 for one."""
    if len(prompts) == 1:
        return 0
    limit = min(len(prompt) for prompt in prompts) - 1
    for place in range(limit):
        if len({prompt[place] for prompt in prompts}) > 1:
            return place
    return limit

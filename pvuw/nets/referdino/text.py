"""Sentences into words, phrases and features."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pvuw.errors import PvuwError
from pvuw.nets.referdino.config import BertSize

MAX_WORDS = 256
"""Parts of words of a sentence, what follows is left out, as in the release."""
_MARKS = ("[CLS]", "[SEP]", ".", "?")
"""What ends a phrase."""
_SPECIAL = ("[PAD]", "[UNK]", *_MARKS)


@dataclass(frozen=True)
class Words:
    """A sentence as numbers, `L` parts of words."""

    ids: list[int]
    """Their place in the vocabulary, length `L`."""
    places: list[int]
    """The place of each in its phrase, from 0."""
    together: Tensor
    """True where one sees another, that is within a phrase, bool `[L, L]`."""


class Tokenizer:
    """Splits sentences into words of a vocabulary and parts of words.

    Args:
        vocabulary: `vocab.txt` of BERT, or a folder that holds it: one word a line.

    Raises:
        PvuwError: If there is no such file, or it lacks the marks that ReferDINO needs.
    """

    def __init__(self, vocabulary: Path) -> None:
        from transformers import BertTokenizer

        file = vocabulary / "vocab.txt" if vocabulary.is_dir() else vocabulary
        if not file.is_file():
            raise PvuwError(
                f"vocabulary: {file}: no such file; give the vocab.txt of bert-base-uncased"
            )
        words = {word: i for i, word in enumerate(file.read_text("utf-8").split("\n")[:-1])}
        if missing := [mark for mark in _SPECIAL if mark not in words]:
            raise PvuwError(f"vocabulary: {file} has no {' '.join(missing)}; give BERT's vocab.txt")
        self.size = len(words)
        self._bert: Any = BertTokenizer(vocab=words, do_lower_case=True)
        self._marks = {words[mark] for mark in _MARKS}

    def __call__(self, sentence: str) -> Words:
        """The words of a sentence, at most `MAX_WORDS`; it need not end in a full stop."""
        text = sentence if sentence.endswith(".") else f"{sentence}."
        ids: list[int] = self._bert(text)["input_ids"]
        places, together = _phrases(ids, self._marks)
        kept = slice(MAX_WORDS)
        return Words(ids[kept], places[kept], together[kept, kept])


def _phrases(ids: list[int], marks: set[int]) -> tuple[list[int], Tensor]:
    """Places within phrases, and who sees whom: a phrase with the mark that ends it."""
    together = torch.eye(len(ids), dtype=torch.bool)
    places, begin = [0] * len(ids), 1
    for end in range(1, len(ids) - 1):
        if ids[end] in marks:
            phrase = slice(begin, end + 1)
            together[phrase, phrase] = True
            places[phrase] = range(end + 1 - begin)
            begin = end + 1
    return places, together


class TextEncoder(nn.Module):
    """BERT (Devlin et al. 2019, https://arxiv.org/abs/1810.04805), phrase by phrase.

    Args:
        size: Its size.
    """

    def __init__(self, size: BertSize) -> None:
        super().__init__()
        from transformers import BertConfig, BertModel

        config = BertConfig(
            vocab_size=size.vocabulary,
            hidden_size=size.width,
            num_hidden_layers=size.layers,
            num_attention_heads=size.heads,
            intermediate_size=size.hidden,
        )
        self.bert: Any = BertModel(config)
        self.vocabulary = size.vocabulary

    def forward(self, words: Words) -> Tensor:
        """Features of the words, float `[1, L, C]`."""
        device = self.bert.embeddings.word_embeddings.weight.device
        together = words.together.to(device)[None, None]
        shut = torch.zeros(together.shape, device=device).masked_fill(
            ~together, torch.finfo(torch.float32).min
        )
        features: Tensor = self.bert(
            input_ids=torch.tensor([words.ids], device=device),
            position_ids=torch.tensor([words.places], device=device),
            attention_mask=shut,
        ).last_hidden_state
        return features

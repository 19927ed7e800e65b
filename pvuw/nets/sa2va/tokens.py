"""The tokenizers of published directories."""

import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from pvuw.errors import WeightsError
from pvuw.nets.sa2va.prompts import SEG, TURN_END

_SPIECE = "tokenizer.model"
_CLASSES = ("Qwen2Tokenizer", "Qwen2TokenizerFast", "PreTrainedTokenizerFast")
"""Tokenizers of transformers that need no code of the directory."""


class Tokenizer(Protocol):
    """Text to ids and back."""

    def encode(self, text: str) -> list[int]:
        """Ids of a text, special tokens among them; begins with what every text begins with."""

    def decode(self, ids: Sequence[int]) -> str:
        """The text of ids, special tokens included."""

    def id_of(self, token: str) -> int | None:
        """Id of a special token, or None."""

    @property
    def eos_id(self) -> int:
        """Id of what ends every text."""

    def __len__(self) -> int:
        """Number of ids."""


def read_tokenizer(folder: Path) -> Tokenizer:
    """The tokenizer of a published directory.

    Raises:
        WeightsError: If there is none, it is damaged, or it does not know Sa2VA's tokens.
    """
    try:
        found: Tokenizer
        if (folder / _SPIECE).is_file():
            found = InternLm2Tokenizer(folder)
        else:
            found = _FromTransformers(folder)
    except (OSError, ValueError, KeyError, TypeError) as error:
        line = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise WeightsError(
            f"{folder}: no tokenizer that can be read ({line}); download the directory again"
        ) from error
    for token in (SEG, TURN_END):
        if found.id_of(token) is None:
            raise WeightsError(
                f"{folder}: the tokenizer does not know {token}, which Sa2VA's does; give the "
                "directory of Sa2VA, not of the model it was made from"
            )
    return found


class InternLm2Tokenizer:
    """InternLM2's: a SentencePiece model between special tokens, which begins with `<s>`.

    Args:
        folder: With `tokenizer.model`, and special tokens in `added_tokens.json` and
            `tokenizer_config.json`.
    """

    def __init__(self, folder: Path) -> None:
        from sentencepiece import SentencePieceProcessor

        self._pieces = SentencePieceProcessor(model_file=str(folder / _SPIECE))
        self._special = {
            self._pieces.id_to_piece(i): i
            for i in range(self._pieces.get_piece_size())
            if self._pieces.is_control(i) or self._pieces.is_unknown(i)
        }
        self._special |= _added_tokens(folder)
        self._token_of = {i: token for token, i in self._special.items()}
        longest_first = sorted(self._special, key=len, reverse=True)
        self._around = re.compile("(" + "|".join(map(re.escape, longest_first)) + ")")

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text."""
        ids = [self._special["<s>"]]
        for part in self._around.split(text):
            if part in self._special:
                ids.append(self._special[part])
            elif part:
                ids += self._pieces.encode(part)
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of ids, a space around each special token."""
        parts: list[str] = []
        run: list[int] = []
        for i in [*ids, None]:
            if i is not None and i not in self._token_of:
                run.append(i)
                continue
            if run:
                parts.append(self._text(run))
                run = []
            if i is not None:
                parts.append(self._token_of[i])
        return " ".join(parts)

    def _text(self, ids: list[int]) -> str:
        text = str(self._pieces.decode(ids))
        # Decoding drops the space that a text begins with.
        return f" {text}" if self._pieces.id_to_piece(ids[0]).startswith("\u2581") else text

    def id_of(self, token: str) -> int | None:
        """Return the id of a special token, or None."""
        return self._special.get(token)

    @property
    def eos_id(self) -> int:
        """Id of `</s>`."""
        return self._special["</s>"]

    def __len__(self) -> int:
        """Return one more than the highest id."""
        return max(self._pieces.get_piece_size() - 1, *self._special.values()) + 1


class _FromTransformers:
    """Whatever transformers reads without code of the directory: Qwen2's, or `tokenizer.json`."""

    def __init__(self, folder: Path) -> None:
        import transformers

        if not any((folder / name).is_file() for name in ("tokenizer.json", "vocab.json")):
            raise ValueError("neither tokenizer.json nor vocab.json nor tokenizer.model")
        named = json.loads((folder / "tokenizer_config.json").read_text()).get("tokenizer_class")
        if named not in _CLASSES:
            raise ValueError(f"tokenizer_class is {named}, known are {', '.join(_CLASSES)}")
        kind = getattr(transformers, named)
        self._tokenizer: Any = kind.from_pretrained(folder, local_files_only=True)
        self._tokenizer.model_max_length = sys.maxsize  # the model says how much it reads

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text."""
        return list(self._tokenizer.encode(text))

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of ids."""
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=False))

    def id_of(self, token: str) -> int | None:
        """Return the id of a special token, or None."""
        found = self._tokenizer.get_added_vocab().get(token)
        return None if found is None else int(found)

    @property
    def eos_id(self) -> int:
        """Id of what ends every text."""
        return int(self._tokenizer.eos_token_id)

    def __len__(self) -> int:
        """Return the number of ids."""
        return len(self._tokenizer)


def _added_tokens(folder: Path) -> dict[str, int]:
    """Special tokens of a directory, by their text."""
    found: dict[str, int] = {}
    config = folder / "tokenizer_config.json"
    if config.is_file():
        listed = json.loads(config.read_text()).get("added_tokens_decoder", {})
        found |= {token["content"]: int(i) for i, token in listed.items()}
    added = folder / "added_tokens.json"
    if added.is_file():
        found |= {token: int(i) for token, i in json.loads(added.read_text()).items()}
    return found

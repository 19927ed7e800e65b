"""Writes nano Sa2VA's tokenizer: bytes, and the words of generated sentences as one token each.

    python -m benchmarks.sa2va_nano_tokenizer [--out DIR]

The vocabulary's size stands in `config.json` beside it.
"""

import argparse
import json
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

from pvuw.nets.sa2va.build import NANO
from pvuw.sample.sentences.meaning import vocabulary

SPECIAL = (
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<img>", "</img>", "<IMG_CONTEXT>", "[SEG]",
    "<p>", "</p>", "<vp>", "</vp>",
)  # fmt: skip
CHAT = (
    "Please segment respond with a segmentation mask Sure It is user assistant who what which "
    "There no such nothing"
)
CONFIG = {
    "tokenizer_class": "PreTrainedTokenizerFast",
    "eos_token": "<|im_end|>",
    "pad_token": "<|endoftext|>",
    "clean_up_tokenization_spaces": False,
    "model_max_length": 2048,
}


def main() -> None:
    """Write both files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=NANO)
    out = parser.parse_args().out
    words = sorted({*vocabulary(), *CHAT.split()})
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=4096,
        min_frequency=1,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator([f"{word} {word}" for word in words], trainer)
    tokenizer.add_special_tokens([AddedToken(t, normalized=False, special=True) for t in SPECIAL])
    out.mkdir(exist_ok=True)
    whole = json.dumps(json.loads(tokenizer.to_str()), ensure_ascii=False, separators=(",", ":"))
    (out / "tokenizer.json").write_text(whole + "\n")
    (out / "tokenizer_config.json").write_text(json.dumps(CONFIG, indent=1) + "\n")
    print(f"{tokenizer.get_vocab_size()} tokens, {len(words)} words")


if __name__ == "__main__":
    main()

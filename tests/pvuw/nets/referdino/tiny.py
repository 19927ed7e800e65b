"""The smallest ReferDINO with a vocabulary of its own, and videos in memory."""

import dataclasses

import torch

from pvuw.nets.referdino import ReferDino
from pvuw.nets.referdino.config import SIZES

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", ".", "?", "the", "a", "blue", "red", "square", "both"]
WORDS += ["squares", "left", "right", "moving", "s", "x"]
WORDS += [f"##{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"]
SMALL = dataclasses.replace(SIZES["nano"], short_side=64)


def vocabulary(folder):
    """A file of the words."""
    file = folder / "vocab.txt"
    file.write_text("".join(f"{word}\n" for word in WORDS))
    return file


def tiny(folder, **options):
    """The network with random weights whose scores lie apart, in eval mode."""
    torch.manual_seed(0)
    net = ReferDino(SMALL, vocabulary=vocabulary(folder), **options)
    for layer in net.model.encoder.fusion_layers:  # as if trained: words and image do meet
        torch.nn.init.normal_(layer.gamma_v, std=0.5)
        torch.nn.init.normal_(layer.gamma_l, std=0.5)
    return net.eval()


class Clip:
    """Moving squares over noise, as a video."""

    video_id = "clip"

    def __init__(self, count, size_hw=(48, 64)):
        self.size_hw = size_hw
        draw = torch.Generator().manual_seed(2)
        self.frames = torch.randint(0, 90, (count, 3, *size_hw), generator=draw, dtype=torch.uint8)
        for t in range(count):
            self.frames[t, 2, 8:24, 4 + t : 20 + t] = 220
        self.reads = []

    def __len__(self):
        return len(self.frames)

    def read_frame(self, position):
        self.reads.append(position)
        return self.frames[position]

"""What ReferDINO costs, in processor time and memory: `python -m benchmarks.referdino [--save]`.

Layers: one layer of the fusion encoder and one of the decoder, forward and backward, at sizes of
training, ours and those of `transformers` in turns. Sentences: 15 about one video, together and one
by one. Memory: what a fresh process grows by over 72 and over 360 frames. Weights are random.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil
import torch
from torch import Tensor
from transformers import GroundingDinoConfig
from transformers.models.grounding_dino import modeling_grounding_dino as theirs

from benchmarks.ablation import PeakMemory
from benchmarks.results import Run, Table, add_save
from benchmarks.tables import markdown
from pvuw.io.listing import VideoFolder, list_videos
from pvuw.io.videos import Video
from pvuw.nets.referdino import ReferDino
from pvuw.nets.referdino.config import ReferDinoConfig
from pvuw.nets.referdino.fusion import FusionEncoder
from pvuw.nets.referdino.layers import DecoderLayer
from pvuw.sample.manifest import SampleSpec
from pvuw.sample.write import write_sample

MAPS = [(48, 80), (24, 40), (12, 20), (6, 10)]
"""Of a frame of 384 x 640."""
WIDTH, WORDS, QUERIES, SENTENCES = 256, 12, 900, 15
ROUNDS = 5


def main() -> None:
    """Print the tables, or be the fresh process of a memory figure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--grow", type=Path, help=argparse.SUPPRESS)
    add_save(parser)
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.grow:
        print(growth(video_in(args.grow)))
        return
    run = Run("referdino", args, "torch", "transformers")
    tables = {"layers": layers(), "sentences": sentences(), "memory": memory()}
    for table in tables.values():
        print(markdown(asdict(table)))
    run.save(tables)


def layers() -> Table:
    """Seconds of both kinds of layers in turns, and their ratio."""
    torch.manual_seed(0)
    config = GroundingDinoConfig(d_model=WIDTH, disable_custom_kernels=True)
    cells = sum(height * width for height, width in MAPS)
    image, words = torch.randn(1, cells, WIDTH), torch.randn(1, WORDS, WIDTH)
    queries, boxes = torch.randn(1, QUERIES, WIDTH), torch.rand(1, QUERIES, 4)
    shapes = torch.tensor(MAPS)
    levels: dict[str, Any] = {
        "spatial_shapes": shapes,
        "spatial_shapes_list": MAPS,
        "level_start_index": torch.cat([shapes.new_zeros(1), shapes.prod(1).cumsum(0)[:-1]]),
    }
    one = ReferDinoConfig(encoder_layers=1)
    ours, other = FusionEncoder(one, drop_path=0.0), theirs.GroundingDinoEncoderLayer(config)
    apart = torch.zeros(WORDS, WORDS, dtype=torch.bool)
    places, steps = torch.randn(cells, WIDTH), torch.arange(WORDS)
    encoder = (
        lambda: ours(image, places, MAPS, words, steps, apart),
        lambda: other(
            vision_features=image, vision_position_embedding=places[None], **levels,
            key_padding_mask=torch.zeros(1, cells, dtype=torch.bool),
            reference_points=torch.rand(1, cells, 4, 2), text_features=words,
            text_self_attention_masks=~apart[None], text_position_ids=steps[None],
        )[0],
    )  # fmt: skip
    mine, layer = DecoderLayer(WIDTH, 8, 4, 4, 2048), theirs.GroundingDinoDecoderLayer(config)
    decoder = (
        lambda: mine(queries, queries, boxes, words, image, MAPS, look=True)[:1],
        lambda: layer(
            queries, queries, boxes[:, :, None].expand(-1, -1, 4, -1), **levels,
            vision_encoder_hidden_states=image, text_encoder_hidden_states=words,
        )[:1],
    )  # fmt: skip
    rows = [["fusion encoder", *turns(*encoder)], ["decoder", *turns(*decoder)]]
    heads = ("one layer of", "ours, s", "`transformers`, s", "ours / theirs")
    return Table(heads, rows, ("{}", "{:.2f}", "{:.2f}", "{:.2f}"))


def turns(ours: Callable[[], Any], other: Callable[[], Any]) -> list[float]:
    """Median processor seconds of both, forward and backward, and the median of their ratios."""
    pairs = [(seconds(ours), seconds(other)) for _ in range(ROUNDS + 1)][1:]
    medians = [statistics.median(side) for side in zip(*pairs, strict=True)]
    return [*medians, statistics.median(one / two for one, two in pairs)]


def seconds(run: Callable[[], tuple[Tensor, ...]]) -> float:
    """Processor time of a forward and backward."""
    started = time.process_time()
    sum(part.sum() for part in run()).backward()  # type: ignore[union-attr]
    return time.process_time() - started


def sentences() -> Table:
    """Processor time of 15 sentences together over that of one by one."""
    rows = []
    asked = [f"the {word} square" for word in ("red", "blue", "green") * 5]
    with tempfile.TemporaryDirectory() as folder:
        video = sampled(Path(folder), 4)
        for size in ("nano", "swint"):
            net = ReferDino(size, vocabulary=Path("shipped")).eval()

            def look(some: list[str], net: ReferDino = net) -> float:
                started = time.process_time()
                net.grounder.sightings(video, some)
                return time.process_time() - started

            look(asked[:1])
            together, alone = look(asked), sum(look([one]) for one in asked)
            rows.append([size, together, alone, alone / together])
    heads = ("size", "together, s", "one by one, s", "saved, times")
    return Table(heads, rows, ("{}", "{:.1f}", "{:.1f}", "{:.2f}"))


def memory() -> Table:
    """MiB that a fresh process grows by."""
    rows = []
    for frames in (72, 360):
        with tempfile.TemporaryDirectory() as folder:
            sampled(Path(folder), frames)
            command = [sys.executable, "-m", "benchmarks.referdino", "--grow", folder]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            rows.append([frames, float(done.stdout)])
    return Table(("frames (nano, 3 sentences)", "MiB at the peak"), rows, ("{}", "{:.0f}"))


def sampled(folder: Path, frames: int) -> Video:
    """A generated video of 240 x 320."""
    write_sample(folder / "data", SampleSpec(0, 1, frames, (240, 320), 1, "calm"))
    return video_in(folder)


def video_in(folder: Path) -> Video:
    """The one video of a sample."""
    valid = folder / "data" / "valid"
    (video,) = list_videos(VideoFolder(valid / "JPEGImages", valid / "Annotations"))
    return video


def growth(video: Video) -> float:
    """MiB this process grows by at its peak while every mask of three sentences is made."""
    net = ReferDino("nano", vocabulary=Path("shipped")).eval()
    process = psutil.Process()
    before = process.memory_info().rss
    with PeakMemory(process) as peak:
        found = net.grounder.look(video, ["the red square", "the blue square", "a square"])
        for prompts in found:
            session = net.start()
            for frame, prompt in prompts.items():
                session.step(video.read_frame(frame), prompt)
    return (peak.bytes - before) / 2**20


if __name__ == "__main__":
    main()

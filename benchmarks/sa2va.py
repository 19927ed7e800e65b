"""Sa2VA: sentences together and one by one, memory by length of the video, memory of loading.

    python -m benchmarks.sa2va [--save]

The network is nano with random weights; whatever it answers counts as
one [SEG]. Processor time of one thread, so that other work on the machine does not enter; memory is
that of a process of its own.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from benchmarks.results import Run, Table, add_save
from pvuw.inference.propagate import InferenceConfig, propagate_all
from pvuw.io.queries import Query
from pvuw.io.videos import Video
from pvuw.nets.sa2va import Sa2va, directory
from pvuw.nets.sa2va.answers import Answer
from pvuw.nets.sa2va.build import NANO, build_mllm, build_sam2
from pvuw.nets.sa2va.structure import structure_of
from pvuw.sample.scene import generate_clip

SIZE_HW = (120, 160)
SHARDS = 24


class Outspoken(Sa2va):
    """Means something by every answer."""

    def words(self, answer: Answer) -> Tensor:
        """A token that depends on the answer alone."""
        draw = torch.Generator().manual_seed(sum(answer.ids))
        return torch.randn(1, self.sam2.hidden_dim, generator=draw)


class Repeated(Video):
    """A drawn video, shown again and again."""

    def __init__(self, num_frames: int) -> None:
        super().__init__("drawn", [Path(f"{t:05}.jpg") for t in range(num_frames)])
        self._frames = generate_clip(3, num_frames=20, size_hw=SIZE_HW).frames

    @property
    def size_hw(self) -> tuple[int, int]:  # type: ignore[override]
        """Height and width."""
        return SIZE_HW

    def read_frame(self, position: int) -> Tensor:
        """Return one frame."""
        frame = self._frames[position % len(self._frames)]
        return torch.from_numpy(frame.copy()).permute(2, 0, 1).contiguous()


def main() -> None:
    """Measure everything and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_save(parser)
    parser.add_argument("--sentences", type=int, default=15)
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--lengths", type=int, nargs="+", default=[50, 500])
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.worker:
        kind, value = args.worker.split("=")
        print(memory_of(int(value)) if kind == "frames" else json.dumps(loading(Path(value))))
        return
    run = Run("sa2va", args, "torch", "transformers", "sam2")
    rows = [("together and one by one", *sentences(args.sentences, args.frames))]
    print(rows[0])
    memory = [(length, float(worker(f"frames={length}"))) for length in args.lengths]
    print(memory)
    with tempfile.TemporaryDirectory() as folder:
        largest = write_shards(Path(folder))
        model, above = json.loads(worker(f"load={folder}"))
    print(model, above, largest)
    run.save(
        {
            "sentences": Table(
                ("", "s together", "s one by one", "ratio", "pixels that differ"), rows,
                ("{}", "{:.1f}", "{:.1f}", "{:.2f}", "{} of {}"),
            ),
            "memory": Table(("frames", "MiB at most"), memory, ("{}", "{:.0f}")),
            "loading": Table(
                ("weights, MiB", "held besides, MiB", "largest file, MiB"),
                [(model, above, largest)], ("{:.0f}", "{:.1f}", "{:.1f}"),
            ),
        }
    )  # fmt: skip


def worker(what: str) -> str:
    """What a process of its own says."""
    command = [sys.executable, "-m", "benchmarks.sa2va", "--worker", what]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def network() -> Outspoken:
    """The same weights every time."""
    torch.manual_seed(0)
    return Outspoken(max_new_tokens=8).eval()


def sentences(count: int, frames: int) -> tuple[float, float, float, tuple[int, int]]:
    """Seconds together and one by one, their ratio, and how many pixels differ."""
    net, video = network(), Repeated(frames)
    colors, things = ("red", "blue", "green", "white", "yellow"), ("cow", "car", "bird")
    asked = [f"the {color} {thing}" for color in colors for thing in things][:count]
    queries = [Query(f"drawn/{i}", video, sentence) for i, sentence in enumerate(asked)]
    masks(net, queries[:1])
    start = time.process_time()
    together = masks(net, queries)
    between = time.process_time()
    alone = [masks(net, [query])[0] for query in queries]
    end = time.process_time()
    different = sum(int((a != b).sum()) for a, b in zip(together, alone, strict=True))
    seconds = between - start, end - between
    return *seconds, seconds[1] / seconds[0], (different, sum(a.size for a in alone))


def masks(net: Sa2va, queries: Sequence[Query]) -> list[Any]:
    """Id maps of each query, `[T, H, W]`, all advanced in turns."""
    streams = propagate_all(net, queries, InferenceConfig(queries_at_once=16))
    frames = [[p.id_map.numpy() for p in turn] for turn in zip(*streams, strict=True)]
    return [np.stack(maps) for maps in zip(*frames, strict=True)]


def memory_of(num_frames: int) -> float:
    """Most memory of this process in MiB after one sentence about a video."""
    net, video = network(), Repeated(num_frames)
    (stream,) = propagate_all(net, [Query("drawn/0", video, "the red cow")], InferenceConfig())
    most = 0.0
    for _ in stream:
        most = max(most, anonymous())
    return most


def write_shards(folder: Path) -> float:
    """Write a directory of the 8B's layout with narrow layers; MiB of its largest file."""
    published = json.loads((NANO / "config.json").read_text())
    published["llm_config"] |= {
        "architectures": ["InternLM2ForCausalLM"], "hidden_size": 512, "intermediate_size": 1792,
        "num_hidden_layers": 16, "num_attention_heads": 8, "num_key_value_heads": 2,
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(published))
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).write_bytes((NANO / name).read_bytes())
    structure = structure_of(published, where="config.json")
    parts = {
        "mllm": build_mllm(structure, empty=True), "sam2": build_sam2(structure, folder),
        "text_hidden_fcs": torch.nn.Sequential(
            torch.nn.Linear(512, 512), torch.nn.ReLU(), torch.nn.Linear(512, 64)
        ),
    }  # fmt: skip
    own = {f"{p}.{n}": w for p, part in parts.items() for n, w in part.state_dict().items()}
    layout = structure.layout
    names = sorted({layout.published(name) for name in own})
    weight_map, largest = {}, 0
    for part in range(SHARDS):
        some = {
            name: layout.join(name, [torch.randn(own[o].shape) for o in layout.ours(name)])
            for name in names[part::SHARDS]
        }
        file = f"model-{part + 1:05}-of-{SHARDS:05}.safetensors"
        save_file({name: w.contiguous() for name, w in some.items()}, folder / file)
        weight_map |= dict.fromkeys(some, file)
        largest = max(largest, (folder / file).stat().st_size)
    index = {"metadata": {}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    return largest / 2**20


def loading(folder: Path) -> tuple[float, float]:
    """MiB of the weights, and the most that was held besides while they were loaded."""
    seen: list[tuple[float, float]] = []
    place, placed = directory._place, [0.0]
    before = [0.0]

    def watched(*args: Any) -> None:
        if not seen:
            before[0] = anonymous()
        place(*args)
        own, weight = args[2], args[3]
        placed[0] += weight.numel() * 4 / 2**20 if own.is_meta else 0
        seen.append((anonymous() - before[0], placed[0]))

    directory._place = watched
    Sa2va(folder)
    return placed[0], max(found - wanted for found, wanted in seen)


def anonymous() -> float:
    """MiB of this process that no file backs."""
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith("Anonymous:"))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    main()

"""SAM 3's tracker, ours and upstream's: processor time per frame, memory held; cost of training.

    python -m benchmarks.sam3_tracker --reference-python ENV/bin/python   # ENV has sam3==0.1.4
    python -m benchmarks.sam3_tracker --training

Both run the same weights on the same video, in processes of their own, in turns, one thread each.
Figures are of processor time, so that other work on the machine does not enter them.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import Tensor

from benchmarks.machine import describe_machine
from pvuw.losses import VOSLoss
from pvuw.nets.freeze import freeze
from pvuw.nets.sam2.features import resize_frame
from pvuw.nets.sam3 import MemorySelection, Sam3
from pvuw.nets.sam3.config import TrackerConfig, TrunkConfig
from pvuw.nets.sam3.images import normalize
from pvuw.sample.scene import generate_clip
from pvuw.types import MaskPrompt, VideoBatch

TRUNK = TrunkConfig(width=64, depth=4, heads=4, hidden=296, global_blocks=(1, 3))
"""A small trunk: the tracker is the official one, the trunk costs the same in both."""
UPSTREAM = Path(__file__).with_name("sam3_upstream.py")


def main() -> None:
    """Measure what was asked for and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reference-python", type=Path, help="interpreter that has sam3==0.1.4")
    parser.add_argument("--size", type=int, default=336, help="pixels, a multiple of 14")
    parser.add_argument("--frames", type=int, default=12)
    parser.add_argument("--objects", type=int, nargs="+", default=[1, 5])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--training", action="store_true")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.worker:
        print(json.dumps(run_ours(json.loads(sys.stdin.read()))))
        return
    print(describe_machine("torch", "sam2"))
    if args.training:
        measure_training(args.size)
        return
    with tempfile.TemporaryDirectory() as folder:
        for count in args.objects:
            compare(prepare(Path(folder), args.size, args.frames, count), args)


def prepare(folder: Path, side: int, frames: int, objects: int) -> dict[str, Any]:
    """Weights and a video in files, and what to do with them."""
    torch.manual_seed(0)
    net = Sam3(TrackerConfig(trunk=TRUNK, image_size=side))
    torch.save({"model": net.official_state_dict()}, folder / "weights.pt")
    clip = generate_clip(3, num_frames=8, size_hw=(240, 320))
    stack = torch.from_numpy(clip.frames.copy()).permute(0, 3, 1, 2).contiguous()
    squares = torch.stack([normalize(resize_frame(frame, side)) for frame in stack])
    masks = torch.zeros(objects, 240, 320, dtype=torch.bool)
    for k in range(objects):
        masks[k, 20 + 40 * k : 55 + 40 * k, 30 + 50 * k : 75 + 50 * k] = True
    torch.save({"frames": stack, "masks": masks, "squares": squares}, folder / "video.pt")
    return {
        "trunk": asdict(TRUNK), "image_size": side, "frames": frames, "objects": objects,
        "weights": str(folder / "weights.pt"), "video": str(folder / "video.pt"),
    }  # fmt: skip


def compare(job: dict[str, Any], args: argparse.Namespace) -> None:
    """Run both in turns and print the ratio and what each holds."""
    ours = [sys.executable, "-m", "benchmarks.sam3_tracker", "--worker"]
    theirs = [str(args.reference_python), str(UPSTREAM)]
    ratios = []
    for _ in range(args.repeats):
        found = {"ours": run(ours, job)}
        if args.reference_python:
            found["upstream"] = run(theirs, job)
            ratios.append(per_frame(found["ours"]) / per_frame(found["upstream"]))
    size = f"{job['image_size']} px, {job['frames']} frames, {job['objects']} objects"
    for name, result in found.items():
        held = result["held"]
        middle = len(held) // 2
        print(
            f"{size}: {name} {1000 * per_frame(result):.0f} ms a frame, holds "
            f"{held[middle] / 1024:.0f} KiB after {middle} frames, {held[-1] / 1024:.0f} at the end"
        )
    if ratios:
        print(f"{size}: ratio {median(ratios):.2f} ({', '.join(f'{r:.2f}' for r in ratios)})")


def run(command: list[str], job: dict[str, Any]) -> dict[str, list[float]]:
    """What a worker measured."""
    done = subprocess.run(
        command, input=json.dumps(job), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    result: dict[str, list[float]] = json.loads(done.stdout.splitlines()[-1])
    return result


def per_frame(result: dict[str, list[float]]) -> float:
    """Seconds of a tracked frame: the prompted one and the first two fill caches."""
    return median(result["seconds"][3:])


def run_ours(job: dict[str, Any]) -> dict[str, list[float]]:
    """Track the job's video in this process."""
    config = TrackerConfig(trunk=TRUNK, image_size=job["image_size"])
    net = Sam3(
        config, weights=Path(job["weights"]), selection=MemorySelection(scope="video")
    ).eval()
    video = torch.load(job["video"], weights_only=True)
    frames, masks = video["frames"], video["masks"]
    session = net.start(job["frames"])
    seconds, held = [], []
    started = time.process_time()
    for t in range(job["frames"]):
        prompt = MaskPrompt(list(range(1, len(masks) + 1)), masks) if t == 0 else None
        session.step(frames[t % len(frames)], prompt)
        now = time.process_time()
        seconds.append(now - started)
        held.append(bytes_of([vars(group.memory) for group in session._groups]))
        started = time.process_time()
    return {"seconds": seconds, "held": held}


def bytes_of(state: Any) -> float:
    """Bytes of all tensors in nested containers, each storage once."""
    seen: dict[int, int] = {}

    def walk(value: Any) -> None:
        if isinstance(value, Tensor):
            storage = value.untyped_storage()
            seen[storage.data_ptr()] = storage.nbytes()
        elif isinstance(value, dict):
            for child in value.values():
                walk(child)
        elif isinstance(value, list | tuple):
            for child in value:
                walk(child)
        elif hasattr(value, "__dict__"):
            walk(vars(value))

    walk(state)
    return float(sum(seen.values()))


def measure_training(side: int) -> None:
    """What backward has to keep of a step, encoder frozen and in the graph."""
    torch.manual_seed(0)
    net = Sam3(TrackerConfig(trunk=TRUNK, image_size=side, memory_dropout=0.0))
    masks = torch.zeros(1, 4, 3, side, side, dtype=torch.bool)
    for k in range(3):
        masks[:, :, k, side // 8 * (2 * k + 1) : side // 8 * (2 * k + 2), side // 4 : side // 2] = 1
    batch = VideoBatch(
        frames=(torch.rand(1, 4, 3, side, side) * 255).byte(),
        masks=masks,
        num_objects=[3],
        object_ids=[[1, 2, 3]],
        video_ids=["clip"],
        frame_idx=torch.arange(4)[None],
    )
    loss = VOSLoss()
    for frozen in (False, True):
        if frozen:
            freeze(net, "image_encoder")
        kept: dict[int, int] = {}
        images: list[int] = []
        hook = net.model.image_encoder.register_forward_hook(
            lambda module, args, output, images=images: images.append(len(args[0]))
        )

        def keep(tensor: Tensor, kept: dict[int, int] = kept) -> Tensor:
            kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        started = time.process_time()
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            total = loss(net.forward_clip(batch), batch).total
        total.backward()
        hook.remove()
        print(
            f"{side} px, 4 frames, 3 objects, encoder {'frozen' if frozen else 'in the graph'}: "
            f"{sum(images)} images encoded, {sum(kept.values()) / 2**20:.0f} MiB kept, "
            f"{time.process_time() - started:.1f} s"
        )


if __name__ == "__main__":
    main()

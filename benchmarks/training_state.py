"""Bytes that weights, gradients and optimizer take: `python -m benchmarks.training_state`.

Counted from the tensors of the networks, in float32 as `bf16-mixed` keeps them: 4 bytes a weight, 4
a gradient, 8 for AdamW's two moments. Activations are not in it.

Shared out (`overlays/fsdp.yaml`) each GPU keeps its part of that. On top come, for the time of a
step, weights and gradients of what no unit holds, and of the largest unit the weights twice, as the
next one is gathered ahead, and the gradient; in validation the whole weights.
"""

import argparse
from dataclasses import asdict, dataclass

from benchmarks.results import Run, Table, add_save
from benchmarks.tables import markdown
from pvuw.nets.lora import LoraConfig
from pvuw.nets.sam2 import Sam2
from pvuw.nets.sam2.build import OFFICIAL_SIZES
from pvuw.nets.tuning import TuningConfig, prepare

WAYS = {
    "everything": TuningConfig(),
    "`freeze: image_encoder`": TuningConfig(freeze="image_encoder"),
    "`freeze: all but memory`": TuningConfig(freeze="all but memory"),
    "`overlays/lora.yaml` (rank 8)": TuningConfig(lora=LoraConfig()),
}
_KEPT, _TRAINED = 4, 4 + 8
GPUS = (2, 4, 8)
"""Over how many the weights are shared out."""
LARGE = ("base_plus", "large")


def measure(size: str, config: TuningConfig) -> tuple[int, int]:
    """Weights of a network and how many of them are trained."""
    net = Sam2(size)
    prepare(net, config)
    counts = [(p.numel(), p.requires_grad) for p in net.parameters()]
    return sum(n for n, _ in counts), sum(n for n, trained in counts if trained)


@dataclass
class Split:
    """Numbers of a network by where they are gathered."""

    everything: int
    units: int
    largest_unit: int

    def gigabytes(self, gpus: int) -> float:
        """GB on each GPU at the peak of a step."""
        rest = self.everything - self.units
        state = (_KEPT + _TRAINED) * self.everything / gpus
        return (state + (4 + 4) * rest + (2 * 4 + 4) * self.largest_unit) / 1e9


def split(size: str) -> Split:
    """How FSDP2 splits a network."""
    net = Sam2(size)
    units = [
        sum(p.numel() for p in net.get_submodule(name).parameters()) for name in net.shard_units()
    ]
    return Split(sum(p.numel() for p in net.parameters()), sum(units), max(units))


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add_save(parser)
    run = Run("training_state", parser.parse_args(), "torch", "peft")
    tables = {"trained": trained_table(), "shared": shared_table()}
    for table in tables.values():
        print(markdown(asdict(table)))
    run.save(tables)


def trained_table() -> Table:
    """GB by what is trained."""
    rows = []
    for name, config in WAYS.items():
        counts = [measure(size, config) for size in OFFICIAL_SIZES]
        rows.append([name, *((all_ * _KEPT + some * _TRAINED) / 1e9 for all_, some in counts)])
    return Table(("trained", *OFFICIAL_SIZES), rows, ("{}", *["{:.2f}"] * len(OFFICIAL_SIZES)))


def shared_table() -> Table:
    """GB of the larger networks by how many GPUs share them."""
    rows = []
    for size in LARGE:
        parts = split(size)
        whole, valid = ((_KEPT + _TRAINED) * parts.everything / 1e9, 4 * parts.everything / 1e9)
        each = [parts.gigabytes(gpus) for gpus in GPUS]
        rows.append([size, parts.units / parts.everything, whole, *each, valid])
    heads = ("network", "in units", "whole (DDP)", *(f"over {gpus}" for gpus in GPUS))
    formats = ("{}", "{:.0%}", *["{:.2f}"] * (len(GPUS) + 2))
    return Table((*heads, "validation adds"), rows, formats)


if __name__ == "__main__":
    main()

"""Bytes that weights, gradients and optimizer take: `python -m benchmarks.training_state`.

Counted from the tensors of the networks, in float32 as `bf16-mixed` keeps them: 4 bytes a weight, 4
a gradient, 8 for AdamW's two moments. Activations are not in it.

Shared out (`overlays/fsdp.yaml`) each GPU keeps its part of that. On top come, for the time of a
step, weights and gradients of what no unit holds, and of the largest unit the weights twice, as the
next one is gathered ahead, and the gradient; in validation the whole weights.
"""

from dataclasses import dataclass

from benchmarks.machine import describe_machine
from pvuw.nets.lora import LoraConfig
from pvuw.nets.sam2 import Sam2
from pvuw.nets.sam2.build import OFFICIAL_SIZES
from pvuw.nets.tuning import TuningConfig, prepare

WAYS = {
    "everything": TuningConfig(),
    "`freeze: image_encoder`": TuningConfig(freeze="image_encoder"),
    "`freeze: all but memory`": TuningConfig(freeze="all but memory"),
    "`overlays/lora.yaml`": TuningConfig(lora=LoraConfig()),
}
_KEPT, _TRAINED = 4, 4 + 8
GPUS = (2, 4, 8)
"""Over how many the weights are shared out."""


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
    print(describe_machine("torch", "peft"))
    print("| size | trained | weights M | trained M | GB |\n|---|---|---|---|---|")
    for size in OFFICIAL_SIZES:
        for name, config in WAYS.items():
            weights, trained = measure(size, config)
            gigabytes = (weights * _KEPT + trained * _TRAINED) / 1e9
            print(
                f"| {size} | {name} | {weights / 1e6:.1f} | {trained / 1e6:.1f} | {gigabytes:.2f} |"
            )
    shared = " | ".join(f"over {gpus}" for gpus in GPUS)
    print(f"\n| size | in units | largest unit M | whole | {shared} | validation adds |")
    print("|---" * (len(GPUS) + 5) + "|")
    for size in OFFICIAL_SIZES:
        parts = split(size)
        whole = (_KEPT + _TRAINED) * parts.everything / 1e9
        each = " | ".join(f"{parts.gigabytes(gpus):.2f}" for gpus in GPUS)
        print(
            f"| {size} | {parts.units / parts.everything:.1%} | {parts.largest_unit / 1e6:.1f} | "
            f"{whole:.2f} | {each} | {4 * parts.everything / 1e9:.2f} |"
        )


if __name__ == "__main__":
    main()

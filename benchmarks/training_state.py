"""Bytes that weights, gradients and optimizer take: `python -m benchmarks.training_state`.

Counted from the tensors of the networks, in float32 as `bf16-mixed` keeps them: 4 bytes a weight, 4
a gradient, 8 for AdamW's two moments. Activations are not in it.
"""

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


def measure(size: str, config: TuningConfig) -> tuple[int, int]:
    """Weights of a network and how many of them are trained."""
    net = Sam2(size)
    prepare(net, config)
    counts = [(p.numel(), p.requires_grad) for p in net.parameters()]
    return sum(n for n, _ in counts), sum(n for n, trained in counts if trained)


def main() -> None:
    """Print the table."""
    print(describe_machine("torch", "peft"))
    print("| size | trained | weights M | trained M | GB |\n|---|---|---|---|---|")
    for size in OFFICIAL_SIZES:
        for name, config in WAYS.items():
            weights, trained = measure(size, config)
            gigabytes = (weights * _KEPT + trained * _TRAINED) / 1e9
            print(
                f"| {size} | {name} | {weights / 1e6:.1f} | {trained / 1e6:.1f} | {gigabytes:.2f} |"
            )


if __name__ == "__main__":
    main()

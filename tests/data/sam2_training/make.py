"""Writes golden.json from upstream's training code: `python -m tests.data.sam2_training.make`."""

import json

import torch

from tests.helpers.sam2_training import (
    CASES,
    CLICK_CASES,
    FROZEN_CASES,
    GOLDEN,
    Replay,
    run_reference,
)


def rounded(value, digits=7):
    return float(f"{value:.{digits}g}")


def main():
    torch.set_num_threads(1)
    frozen = {}
    for name in FROZEN_CASES:
        replay = Replay()
        parts, gradients = run_reference({**CASES, **CLICK_CASES}[name], replay)
        norms = [rounded(g.norm().item(), 5) for _, g in sorted(gradients.items()) if g is not None]
        loss = {part: rounded(value.item()) for part, value in parts.items()}
        frozen[name] = {"loss": loss, "gradient_norms": norms}
        if replay.clicked:
            frozen[name]["clicked"] = [pixels.tolist() for pixels in replay.clicked]
    lines = [f"{json.dumps(name)}: {json.dumps(frozen[name])}" for name in frozen]
    GOLDEN.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()

"""Upstream's optimizer of its MOSE fine-tuning, as the oracle of ours."""

import zlib
from importlib.resources import files
from pathlib import Path

from omegaconf import OmegaConf

GOLDEN = Path(__file__).parents[1] / "data" / "optim" / "golden.json"
RECIPE = "configs/sam2.1_training/sam2.1_hiera_b+_MOSE_finetune.yaml"


def reference_optimizer(model):
    """Upstream's optimizer of a SAM2Base, by `construct_optimizer` and its published recipe."""
    from training.optimizer import construct_optimizer

    OmegaConf.register_new_resolver("divide", lambda a, b: a / b, replace=True)
    recipe = OmegaConf.load(Path(str(files("sam2"))) / RECIPE)
    optim = OmegaConf.create({"scratch": recipe.scratch, "optim": recipe.trainer.optim}).optim
    optimizer = construct_optimizer(
        model, optim.optimizer, optim.options, optim.param_group_modifiers
    )
    optimizer.step_schedulers(0.0, 0)
    return optimizer


def reference_groups(model):
    """Groups of upstream's optimizer at the start: `[(rate, decay, parameter names)]`."""
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    return [
        (group["lr"], group["weight_decay"], [names[id(p)] for p in group["params"]])
        for group in reference_optimizer(model).optimizer.param_groups
    ]


def fingerprint(groups):
    """Groups in a form that does not depend on their order and fits on a line each."""
    rows = [
        [
            float(f"{rate:.6g}"),
            decay,
            len(names),
            zlib.crc32("\n".join(sorted(names)).encode()),
        ]
        for rate, decay, names in groups
    ]
    return sorted(rows)

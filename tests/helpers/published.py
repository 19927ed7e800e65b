"""Published training configurations as flat tables, and what our recipes say for the same keys.

The differences that are meant stand in `docs/training.md`, one row each: key (with `*` for
several), theirs, ours, why. A key that is neither equal nor in a row is a mistake, and so is a row
that no key needs.
"""

import json
from fnmatch import fnmatchcase
from importlib.resources import files
from pathlib import Path

from omegaconf import OmegaConf

from pvuw.lightning_cli import _fill_in_clip_size
from pvuw.nets.sam2 import Sam2
from pvuw.nets.sam2.build import config_path, model_config
from pvuw.ops.images import IMAGE_MEAN, IMAGE_STD
from pvuw.types import VideoBatch
from tests.helpers.cli import build, parse
from tests.helpers.noise import DOUBLE_SUMMATION

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs" / "training.md"
FACTS = ROOT / "tests" / "data" / "published_training"
SAM2_YAML = "configs/sam2.1_training/sam2.1_hiera_b+_MOSE_finetune.yaml"


def flat(tree, prefix=""):
    """`{"a.b.0": value}` of nested dictionaries and lists."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree)
    rows = {}
    for key, value in items:
        if isinstance(value, (dict, list)) and value and not _is_plain(value):
            rows |= flat(value, f"{prefix}{key}.")
        else:
            rows[f"{prefix}{key}"] = value
    return rows


def _is_plain(value):
    return isinstance(value, list) and not any(isinstance(item, (dict, list)) for item in value)


def documented(section):
    """Rows of the table below a heading of docs/training.md: `[(key, theirs, ours, why)]`."""
    text = DOCS.read_text().split(f"\n### {section}\n", 1)[1].split("\n#", 1)[0]
    rows = [
        [cell.strip().strip("`") for cell in line.strip("|").split(" | ")]
        for line in text.splitlines()
        if line.startswith("| `")
    ]
    assert rows
    assert all(len(row) == 4 and row[3] for row in rows), "each row has a reason"
    return rows


def compare(theirs, ours, section):
    """Fail where a key differs that no row documents, or where a row documents what does not."""
    rows, used = documented(section), set()
    for key in sorted({*theirs, *ours}):
        told = (shown(theirs.get(key)), shown(ours.get(key)))
        if same(theirs.get(key), ours.get(key)) and key in theirs and key in ours:
            continue
        matching = [i for i, row in enumerate(rows) if fnmatchcase(key, row[0])]
        assert matching, f"{key}: theirs {told[0]}, ours {told[1]}, and no row of {section} says so"
        for i in matching:
            pattern, their_cell, our_cell, _ = rows[i]
            used.add(i)
            if "*" not in pattern:
                assert (their_cell, our_cell) == told, f"{section}: {key} is {told}"
    unused = [rows[i][0] for i in range(len(rows)) if i not in used]
    assert not unused, f"{section}: rows without a difference: {unused}"


def same(a, b):
    numbers = (int, float)
    if isinstance(a, numbers) and isinstance(b, numbers) and not isinstance(a, bool):
        return abs(a - b) <= DOUBLE_SUMMATION * max(abs(a), abs(b))
    return a == b


def shown(value):
    """A value as the tables write it."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:g}"
    return json.dumps(value).strip('"') if not isinstance(value, str) else value


def _parsed(recipe):
    config = parse("fit", "--config", recipe, "--data.root", "x")
    _fill_in_clip_size(config)
    return config


# SAM 2.

_BLANKS = (
    *(f"dataset.{name}" for name in ("img_folder", "gt_folder")),
    *(
        f"trainer.data.train.datasets.0.dataset.datasets.0.video_dataset.{name}"
        for name in ("img_folder", "gt_folder")
    ),
)
"""Where the file leaves a path to be filled in."""


def sam2_published(size):
    """Upstream's fine-tuning file, its arithmetic done, with another size's own architecture."""
    OmegaConf.register_new_resolver("times", lambda a, b: a * b, replace=True)
    OmegaConf.register_new_resolver("divide", lambda a, b: a / b, replace=True)
    recipe = OmegaConf.load(Path(str(files("sam2"))) / SAM2_YAML)
    recipe.launcher.experiment_log_dir = "LOGS"
    published = flat(OmegaConf.to_container(recipe, resolve=True))
    published = {key: value for key, value in published.items() if key not in _BLANKS}
    plain = {name: _inference(name) for name in ("base_plus", size)}
    for key in {*plain["base_plus"], *plain[size]}:
        if plain["base_plus"].get(key) != plain[size].get(key):
            published[f"trainer.model.{key}"] = plain[size][key]
    return published


def _inference(size):
    model = OmegaConf.load(config_path(size)).model
    return flat(OmegaConf.to_container(model, resolve=True))


def sam2_ours(size):
    """The same keys from `mose/sam2_<size>.yaml`, as parsed and built."""
    config = _parsed(f"mose/sam2_{size}.yaml")
    model, data, trainer = config.model.init_args, config.data.init_args, config.trainer
    net, optim, clip = model.net.init_args, model.optim, data.clip
    ours = _sam2_model(net)
    augment = build(
        *("fit", "--config", f"mose/sam2_{size}.yaml", "--data.root", "x"),
        *("--model.net.size", "nano", "--model.net.image_size", "64"),
        *("--trainer.strategy", "auto", "--trainer.accelerator", "cpu"),
        *("--trainer.precision", "32-true"),
    )
    loss = augment.model.loss
    transforms = _transforms(augment.datamodule.augment, clip)
    ours |= flat({"vos": {"train_transforms": transforms}})
    ours |= {
        "scratch.resolution": clip.size,
        "scratch.train_batch_size": data.batch_size,
        "scratch.num_train_workers": data.num_workers,
        "scratch.num_frames": clip.num_frames,
        "scratch.max_num_objects": clip.max_objects,
        "scratch.base_lr": optim.lr,
        "scratch.vision_lr": optim.image_encoder_lr,
        "scratch.num_epochs": trainer.max_epochs,
        "dataset.multiplier": clip.clips_per_video,
        "dataset.file_list_txt": f"all but a share of {data.hold_out}",
        "trainer.max_epochs": trainer.max_epochs,
        "trainer.accelerator": trainer.accelerator,
        "trainer.seed_value": config.seed_everything,
        "trainer.distributed.find_unused_parameters": not Sam2.uses_every_weight,
        "trainer.logging.log_freq": trainer.log_every_n_steps,
    }
    train = "trainer.data.train."
    dataset = train + "datasets.0.dataset.datasets.0."
    ours |= {
        train + "batch_sizes": [data.batch_size],
        train + "shuffle": True,  # tests/datamodules/test_clip_order.py
        train + "num_workers": data.num_workers,
        train + "pin_memory": hasattr(VideoBatch, "pin_memory"),
        train + "drop_last": True,  # tests/datamodules/test_clip_sampler.py
        dataset + "sampler.num_frames": clip.num_frames,
        dataset + "sampler.max_num_objects": clip.max_objects,
        dataset + "multiplier": clip.clips_per_video,
        dataset + "video_dataset.file_list_txt": f"all but a share of {data.hold_out}",
    }
    ours |= flat({"transforms": transforms}, dataset)
    ours |= flat({"trainer": {"optim": _optim(optim, trainer)}})
    weights = loss.weights
    ours |= {
        "trainer.loss.all.weight_dict.loss_mask": weights.ce,
        "trainer.loss.all.weight_dict.loss_dice": weights.dice,
        "trainer.loss.all.weight_dict.loss_iou": weights.iou,
        "trainer.loss.all.weight_dict.loss_class": weights.presence,
        "trainer.loss.all.supervise_all_iou": loss.supervise_all_iou,
        # What VOSLoss has no switch for; tests/pvuw/nets/sam2/test_training_parity.py.
        "trainer.loss.all.iou_use_l1_loss": True,
        "trainer.loss.all.pred_obj_scores": True,
        "trainer.loss.all.focal_gamma_obj_score": 0.0,
        "trainer.loss.all.focal_alpha_obj_score": -1.0,
    }
    return ours


def _sam2_model(net):
    model = model_config(
        net.size,
        image_size=net.image_size,
        mask_scale=net.memory_mask_scale,
        mask_bias=net.memory_mask_bias,
        version=net.version,
        drop_path_rate=net.drop_path_rate,
    )
    rows = {
        f"trainer.model.{key}": value
        for key, value in flat(OmegaConf.to_container(model, resolve=True)).items()
    }
    in_eval_too = ("add_all_frames_to_correct_as_cond", "num_correction_pt_per_frame")
    for name, value in vars(net.prompting).items():
        key = name if name in in_eval_too else f"{name}_for_train"
        rows[f"trainer.model.{key}"] = value
    return rows


def _transforms(augment, clip):
    """Our augmentation in the words and the order of upstream's."""
    geometry, colour = augment.geometry, augment.colour
    transforms = "training.dataset.transforms."

    def jitter(values, consistent):
        return {
            "_target_": transforms + "ColorJitter",
            "consistent_transform": consistent,
            "brightness": values.brightness,
            "contrast": values.contrast,
            "saturation": values.saturation,
            "hue": values.hue or None,
        }

    steps = [
        {"_target_": transforms + "RandomHorizontalFlip", "consistent_transform": True},
        {
            "_target_": transforms + "RandomAffine",
            "degrees": geometry.degrees,
            "shear": geometry.shear,
            "image_interpolation": "bilinear",  # tests/datamodules/test_augment_parity.py
            "consistent_transform": True,
        },
        {
            "_target_": transforms + "RandomResizeAPI",
            "sizes": clip.size,
            "square": clip.fit == "stretch",
            "consistent_transform": True,
        },
        jitter(colour.clip, True),
        {
            "_target_": transforms + "RandomGrayscale",
            "p": colour.clip_grayscale,
            "consistent_transform": True,
        },
        jitter(colour.frame, False),
        {"_target_": transforms + "ToTensorAPI"},
        {
            "_target_": transforms + "NormalizeAPI",
            "mean": list(IMAGE_MEAN),
            "std": list(IMAGE_STD),
        },
    ]
    assert (geometry.flip, geometry.affine, geometry.scale) == (0.5, 1.0, (1.0, 1.0))
    assert colour.frame_grayscale == 0
    return [{"_target_": transforms + "ComposeAPI", "transforms": steps}]


def _optim(optim, trainer):
    """Our optimizer in the words of upstream's; its groups are compared by test_optim.py."""
    constant = "fvcore.common.param_scheduler.ConstantParamScheduler"

    def cosine(rate):
        return {
            "_target_": "fvcore.common.param_scheduler.CosineParamScheduler",
            "start_value": rate,
            "end_value": rate * optim.final_lr_ratio,
        }

    assert optim.no_decay == "biases_and_norms"
    assert optim.warmup_steps == 0
    assert tuple(optim.betas) == (0.9, 0.999)
    spared = {"param_names": ["*bias*"], "module_cls_names": ["torch.nn.LayerNorm"]}
    return {
        "amp": {
            "enabled": trainer.precision != "32-true",
            "amp_dtype": {"bf16-mixed": "bfloat16"}[trainer.precision],
        },
        "optimizer": {"_target_": "torch.optim.AdamW"},
        "gradient_clip": {
            "_target_": "training.optimizer.GradientClipper",
            "max_norm": trainer.gradient_clip_val,
            "norm_type": 2,
        },
        "param_group_modifiers": [
            {
                "_target_": "training.optimizer.layer_decay_param_modifier",
                "_partial_": True,
                "layer_decay_value": optim.layer_decay,
                "apply_to": "image_encoder.trunk",
                "overrides": [{"pattern": "*pos_embed*", "value": 1.0}],
            }
        ],
        "options": {
            "lr": [
                {"scheduler": cosine(optim.lr)},
                {
                    "scheduler": cosine(optim.image_encoder_lr),
                    "param_names": ["image_encoder.*"],
                },
            ],
            "weight_decay": [
                {"scheduler": {"_target_": constant, "value": optim.weight_decay}},
                {"scheduler": {"_target_": constant, "value": 0.0}, **spared},
            ],
        },
    }


# The others: facts as data, each with its source.


def zoo_published(name):
    """What a network's authors trained with."""
    return json.loads((FACTS / f"{name}.json").read_text())["values"]


def zoo_ours(name):
    """The same keys from `zoo/<name>.yaml`, as parsed."""
    config = _parsed(f"zoo/{name}.yaml")
    rows = {"cutie": _point_sampled, "livos": _point_sampled, "xmem": _xmem, "tmo": _tmo}[name](
        config
    )
    data, trainer = config.data.init_args, config.trainer
    rows |= {
        "batch_size": data.batch_size * trainer.accumulate_grad_batches,
        "num_workers": data.num_workers,
        "amp": trainer.precision not in ("32-true", None),
        "clip_grad_norm": trainer.gradient_clip_val or None,
        "weight_decay": config.model.init_args.optim.weight_decay,
        "datasets": ["MOSE"],
    }
    if name != "tmo":
        rows |= {
            "seed": config.seed_everything,
            "num_objects": data.clip.max_objects,
            "crop_size": data.clip.size if data.clip.fit == "crop" else None,
            "max_skip": list(data.clip.stride),
        }
    return rows | _augmentation(data)


def _augmentation(data):
    if data.augment is None:
        return {"augment.flip": data.clip.flip_prob}
    made = data.augment.init_args
    geometry, colour = made.geometry, made.colour
    assert data.clip.flip_prob == 0, "mirrored twice"
    moved = geometry.affine > 0

    def jitter(values):
        return [values.brightness, values.contrast, values.saturation]

    return {
        "augment.flip": geometry.flip,
        **({"augment.degrees": geometry.degrees} if moved else {}),
        **({"augment.shear": geometry.shear} if moved else {}),
        "augment.clip_jitter": jitter(colour.clip),
        "augment.clip_grayscale": colour.clip_grayscale,
        "augment.frame_jitter": jitter(colour.frame),
    }


def _point_sampled(config):
    model, loss = config.model.init_args, config.model.init_args.loss.init_args
    optim, net = model.optim, model.net.init_args
    encoder = optim.lr if optim.image_encoder_lr is None else optim.image_encoder_lr
    rows = {
        "epochs": config.trainer.max_epochs,
        "learning_rate": optim.lr,
        "lr_schedule": "cosine",
        "final_lr_ratio": optim.final_lr_ratio,
        "no_decay": optim.no_decay,
        "point_supervision": True,
        "train_num_points": loss.num_points,
        "oversample_ratio": loss.oversample_ratio,
        "importance_sample_ratio": loss.importance_ratio,
        "aux_loss.sensory": loss.sensory_weight,
        "aux_loss.query": loss.query_weight,
        "backbone_lr_ratio": encoder / optim.lr,
        "seq_length": config.data.init_args.clip.num_frames,
    }
    if "clip" in net:
        rows["num_ref_frames"] = net.clip.num_ref_frames
        rows["deep_update_prob"] = net.clip.deep_update_prob
    return rows


def _xmem(config):
    model = config.model.init_args
    net, loss, optim = model.net.init_args, model.loss.init_args, model.optim
    return {
        "epochs": config.trainer.max_epochs,
        "lr": optim.lr,
        "final_lr_ratio": optim.final_lr_ratio,
        "no_decay": optim.no_decay,
        "num_ref_frames": net.clip.num_reference_frames,
        "deep_update_prob": net.clip.deep_update_prob,
        "num_frames": config.data.init_args.clip.num_frames,
        "start_warm": loss.start,
        "end_warm": loss.end,
        "hard_share": loss.hard_share,
    }


def _tmo(config):
    model, clip = config.model.init_args, config.data.init_args.clip
    net, loss, optim = model.net.init_args, model.loss.init_args, model.optim
    only_ce = not (loss.dice_weight or loss.sim_weight or loss.iou_weight)
    assert only_ce
    assert loss.cross_entropy.gamma == 0
    assert optim.warmup_steps == 0
    return {
        "epochs": config.trainer.max_epochs,
        "optimizer": "AdamW",
        "lr": optim.lr,
        "lr_schedule": "constant" if optim.final_lr_ratio == 1 else "cosine",
        "loss": "cross-entropy",
        "frames_of_a_clip": clip.num_frames,
        "still_share": net.still_share,
        "image_size": clip.size,
    }

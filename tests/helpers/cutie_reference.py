"""Cutie as PyPI's `rf-cutie` has it: the oracle of the parity tests, and of the benchmark."""

import warnings

import torch

CONFIG = {
    "mem_every": 5, "top_k": 30, "stagger_updates": 5, "max_mem_frames": 5, "chunk_size": -1,
    "save_aux": False, "max_internal_size": -1, "flip_aug": False, "use_long_term": False,
    "long_term": {
        "count_usage": True, "max_mem_frames": 10, "min_mem_frames": 5, "num_prototypes": 128,
        "max_num_tokens": 10000, "buffer_tokens": 2000,
    },
}  # fmt: skip


def _attention(**more):
    return {"add_pe_to_qkv": [True, True, False], **more}


def model_config(size):
    """The network's configuration, as `config/model/{base,small}.yaml` say."""
    trunk, dims = {"base": ("resnet50", [1024, 512, 256]), "small": ("resnet18", [256, 128, 64])}[
        size
    ]
    return {
        "pixel_mean": [0.485, 0.456, 0.406], "pixel_std": [0.229, 0.224, 0.225],
        "pixel_dim": 256, "key_dim": 64, "value_dim": 256, "sensory_dim": 256, "embed_dim": 256,
        "pixel_encoder": {"type": trunk, "ms_dims": dims},
        "mask_encoder": {"type": "resnet18", "final_dim": 256},
        "pixel_pe_scale": 32, "pixel_pe_temperature": 128,
        "object_transformer": {
            "embed_dim": 256, "ff_dim": 2048, "num_heads": 8, "num_blocks": 3, "num_queries": 16,
            "read_from_pixel": _attention(input_norm=False, input_add_pe=False),
            "read_from_query": _attention(output_norm=False),
            "query_self_attention": _attention(),
        },
        "object_summarizer": {"embed_dim": 256, "num_summaries": 16, "add_pe": True},
        "aux_loss": {
            "sensory": {"enabled": True, "weight": 0.01},
            "query": {"enabled": True, "weight": 0.01},
        },
        "mask_decoder": {"up_dims": [256, 128, 128]},
    }  # fmt: skip


def config(size="base", **changes):
    """The configuration of network and inference."""
    from omegaconf import OmegaConf

    return OmegaConf.create({**CONFIG, **changes, "model": model_config(size)})


def build(size="base", *, kind=None):
    """The reference network in evaluation mode, without the download its constructor makes.

    Args:
        size: `base` or `small`.
        kind: A subclass of its network and what it takes besides the configuration.
    """
    from cutie.model.cutie import CUTIE
    from cutie.model.utils import resnet

    kept = resnet.resnet18, resnet.resnet50
    for name, build_one in zip(("resnet18", "resnet50"), kept, strict=True):

        def offline(pretrained=True, build_one=build_one, **more):
            del pretrained
            return build_one(pretrained=False, **more)

        setattr(resnet, name, offline)
    try:
        net = CUTIE(config(size)) if kind is None else kind[0](config(size), *kind[1:])
    finally:
        resnet.resnet18, resnet.resnet50 = kept
    return net.eval()


class Reference:
    """The reference on one video, with the interface of our sessions."""

    def __init__(self, net, size="base", **changes):
        from cutie.inference.inference_core import InferenceCore

        self.core = InferenceCore(net, cfg=config(size, **changes))

    def step(self, frame, id_map=None, *, objects=None, last=False):
        """Probabilities of background and objects, float `[1 + N, H, W]`."""
        if id_map is not None:
            objects = objects or [i for i in id_map.unique().tolist() if i]
            id_map = id_map.long()
        with torch.inference_mode(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it calls what torch deprecates
            return self.core.step(frame.float() / 255, id_map, objects, end=last)

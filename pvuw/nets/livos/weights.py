"""Names of weights: ours, which are Cutie's, and those of LiVOS' published checkpoints."""

_RENAMED = (
    ("pixel_encoder.", "image_encoder."),
    ("pix_feat_proj.", "pix_projector.layer."),
    (".fuser.distributor.x_transform.", ".fuser.x_transform."),
    (".fuser.distributor.g_transform.", ".fuser.y_transform."),
    (".fuser.block1.", ".fuser.layer1."),
    (".fuser.block2.", ".fuser.layer2."),
    (".sensory_update.", ".sensory_updater."),
    ("pixel_fuser.sensory_compress.", "pixel_fuser.conv."),
)


def published_name(name: str) -> str:
    """The name a weight has in published checkpoints.

    Example:
        >>> published_name("mask_encoder.fuser.block1.conv1.weight")
        'mask_encoder.fuser.layer1.conv1.weight'
    """
    for ours, theirs in _RENAMED:
        name = name.replace(ours, theirs)
    return name

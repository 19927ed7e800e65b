"""Which parameters a fine-tuning leaves as they are, by names a recipe can say."""

from pvuw.errors import PvuwError
from pvuw.nets.base import VideoSegmenter

_ALL = "all"
_ALL_BUT = "all but "


def freeze(net: VideoSegmenter, policy: str) -> None:
    """Take what a policy names out of training: no gradient, no dropout.

    Args:
        net: The network; changed in place. Modules without a trained parameter go to eval mode,
            where `net.train()` leaves them.
        policy: Parts of the network separated by commas, `image_encoder, prompt_encoder`;
            `all but memory`; `all`. A part is one of `net.parts()` or a module or parameter by its
            name in the network, such as `model.image_encoder.trunk.blocks.0`.

    Raises:
        PvuwError: If the network has no such part.
    """
    for name in frozen_names(net, policy):
        net.get_parameter(name).requires_grad_(False)
    net.train(net.training)


def frozen_names(net: VideoSegmenter, policy: str) -> list[str]:
    """Names of the parameters that a policy freezes, in the network's order.

    Raises:
        PvuwError: If the network has no such part.
    """
    if policy.strip() == _ALL:
        return [name for name, _ in net.named_parameters()]
    named = policy.removeprefix(_ALL_BUT)
    prefixes = [prefix for part in named.split(",") for prefix in prefixes_of(net, part.strip())]
    inverted = policy.startswith(_ALL_BUT)
    return [
        name
        for name, _ in net.named_parameters()
        if any(lies_in(name, prefix) for prefix in prefixes) != inverted
    ]


def prefixes_of(net: VideoSegmenter, part: str) -> tuple[str, ...]:
    """Prefixes of the parameters of a part.

    Raises:
        PvuwError: If the network has no such part.
    """
    parts = net.parts()
    if part in parts:
        return parts[part]
    if part and any(lies_in(name, part) for name, _ in net.named_parameters()):
        return (part,)
    raise PvuwError(
        f"{part!r} is no part of {type(net).__name__}; it has {', '.join(parts) or 'none'}, and "
        "modules by their names"
    )


def lies_in(parameter: str, prefix: str) -> bool:
    """Whether a parameter is one of those a prefix names.

    Example:
        >>> lies_in("memory.bias", "memory"), lies_in("memory_encoder.bias", "memory")
        (True, False)
    """
    return parameter == prefix or parameter.startswith(f"{prefix}.")

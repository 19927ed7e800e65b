"""SAM 2 at another input resolution, with the same weights."""

import copy
from collections.abc import Iterator
from itertools import chain, zip_longest
from weakref import WeakKeyDictionary

from sam2.modeling.sam2_base import SAM2Base

TILE = 32
"""Pixels by which SAM 2's trunk tiles the position embedding of its windows."""
_made: WeakKeyDictionary[SAM2Base, dict[int, SAM2Base]] = WeakKeyDictionary()
"""What `at_scale` has made of a network, by side; gone with the network."""


def side_at(model: SAM2Base, scale: float, *, multiple: int = TILE) -> int:
    """Side in pixels of a network's input at a scale of its resolution."""
    return int(model.image_size * scale / multiple + 0.5) * multiple


def at_scale(model: SAM2Base, scale: float, *, multiple: int = TILE) -> SAM2Base:
    """Return the network with its input resolution multiplied, sharing every weight and buffer.

    None of the weights has a shape that depends on the resolution: position embeddings are
    interpolated, rotary tables and grids computed. Only a few plain numbers say how large the maps
    are, so a second set of modules around the same tensors is all that is needed. It is made once,
    and again where modules or tensors of the network are others than then.

    Args:
        model: The network as its recipe has it.
        scale: Above 0; the side becomes the nearest multiple to `image_size * scale`.
        multiple: Of how many pixels; the network must be able to take every such side.

    Raises:
        ValueError: If the side would be below `multiple` pixels.
    """
    side = side_at(model, scale, multiple=multiple)
    if side == model.image_size:
        return model
    if side < multiple:
        raise ValueError(
            f"scale must leave at least {multiple} pixels of {model.image_size}, got {scale}"
        )
    made = _made.setdefault(model, {})
    if side not in made or not _is_around_the_same(made[side], model):
        made[side] = _resized(model, side)
    return made[side]


def _is_around_the_same(made: SAM2Base, model: SAM2Base) -> bool:
    """Whether a network made earlier still is what would be made now."""

    def parts(network: SAM2Base) -> Iterator[object]:
        yield from chain(network.parameters(), network.buffers())
        for module in network.modules():
            yield from (type(module), module.training)

    return all(a is b for a, b in zip_longest(parts(made), parts(model)))


def _resized(model: SAM2Base, side: int) -> SAM2Base:
    shared = {id(t): t for t in chain(model.parameters(), model.buffers())}
    resized = copy.deepcopy(model, shared)
    cells = side // model.backbone_stride
    resized.image_size = side
    resized.sam_image_embedding_size = cells
    resized.sam_prompt_encoder.image_embedding_size = (cells, cells)
    resized.sam_prompt_encoder.input_image_size = (side, side)
    resized.sam_prompt_encoder.mask_input_size = (4 * cells, 4 * cells)
    return resized

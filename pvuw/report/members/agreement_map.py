"""How many members agree with the answer, pixel by pixel."""

from collections.abc import Sequence

import numpy as np

from pvuw.io.mask_store import IdMap


def agreeing(answer: IdMap, maps: Sequence[IdMap | None]) -> IdMap:
    """Return how many id maps have the answer's label at each pixel, uint8 `[H, W]`.

    Args:
        answer: Id map, uint8 `[H, W]`.
        maps: Those of the members, of the same size, at most 255; None has no say.

    Raises:
        ValueError: If the sizes differ.

    Example:
        >>> answer = np.array([[1, 1, 2, 0]], dtype=np.uint8)
        >>> agreeing(answer, [answer, np.array([[1, 0, 0, 0]], dtype=np.uint8), None]).tolist()
        [[2, 1, 1, 2]]
    """
    count = np.zeros(answer.shape, dtype=np.uint8)
    for id_map in maps:
        if id_map is not None:
            if id_map.shape != answer.shape:
                raise ValueError(f"id maps differ in size: {id_map.shape} and {answer.shape}")
            count += id_map == answer
    return count

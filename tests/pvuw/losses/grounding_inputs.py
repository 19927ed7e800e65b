"""What the frozen values of ReferDINO's criterion were computed on, drawn the same way every time.

NumPy's `RandomState` gives the same numbers in every release.
"""

import numpy as np

SENTENCES, FRAMES, HEIGHT, WIDTH = 3, 4, 64, 96
QUERIES = {"last": 5, "aux": 9, "begin": 12}
EMPTY = ((0, 2), (2, 0), (2, 3))
"""Sentence and frame in which nothing is visible."""
SAMPLE = 7
"""Every so many-th value of a gradient is stored."""


def drawn():
    """Masks `[S, T, H, W]`, each layer's arrays, and the boxes that the first layer begins at."""
    rng = np.random.RandomState(5)
    masks = np.zeros((SENTENCES, FRAMES, HEIGHT, WIDTH), bool)
    for s in range(SENTENCES):
        for t in range(FRAMES):
            top, left, height, width = (
                rng.randint(*ends) for ends in ((0, 40), (0, 60), (6, 24), (6, 36))
            )
            if (s, t) not in EMPTY:
                masks[s, t, top : top + height, left : left + width] = True
                masks[1, t, 50:60, 4:30] = True
    low = 4 * masks[:, :, 2::4, 2::4] - 2.0
    layers = {}
    for name, count in QUERIES.items():
        shape = (SENTENCES, FRAMES, count)
        near = rng.uniform(size=count)[:, None, None]  # objects look like the truth to a degree
        layers[name] = {
            "logits": 2 * rng.standard_normal(shape),
            "boxes": 1 / (1 + np.exp(-rng.standard_normal((*shape, 4)))),
            "masks": 3 * rng.standard_normal((*shape, *low.shape[-2:])) + near * low[:, :, None],
        }
    anchors = 1 / (1 + np.exp(-rng.standard_normal((SENTENCES, FRAMES, QUERIES["begin"], 4))))
    as_float = {n: {k: v.astype(np.float32) for k, v in one.items()} for n, one in layers.items()}
    return masks, as_float, anchors.astype(np.float32)

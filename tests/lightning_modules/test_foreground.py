"""All objects of a clip as one foreground."""

import torch

from lightning_modules.foreground import merge_objects
from pvuw.types import VideoBatch


def test_objects_of_a_clip_become_one():
    masks = torch.zeros(2, 1, 3, 2, 4, dtype=torch.bool)
    masks[0, 0, 0, 0, 0] = masks[0, 0, 1, 1, 3] = masks[1, 0, 0, 1, 1] = True
    batch = VideoBatch(
        frames=torch.zeros(2, 1, 3, 2, 4, dtype=torch.uint8),
        masks=masks,
        num_objects=[2, 1],
        object_ids=[[7, 3], [9]],
        video_ids=["a", "b"],
        frame_idx=torch.zeros(2, 1, dtype=torch.int64),
    )
    merged = merge_objects(batch)
    assert merged.object_to_clip == [0, 1]
    assert merged.object_masks().shape == (1, 2, 2, 4)
    assert merged.masks[0, 0, 0].nonzero().tolist() == [[0, 0], [1, 3]]
    assert merged.masks[1, 0, 0].nonzero().tolist() == [[1, 1]]
    assert batch.num_objects == [2, 1]

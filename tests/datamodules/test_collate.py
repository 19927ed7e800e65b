from dataclasses import replace

import pytest
import torch

from datamodules.collate import ClipSample, collate_clips
from pvuw.errors import DataError


def sample(video_id, ids, *, size=(6, 8), void=False, num_frames=2):
    masks = torch.zeros(num_frames, len(ids), *size, dtype=torch.bool)
    for slot in range(len(ids)):
        masks[:, slot, slot] = True
    return ClipSample(
        video_id=video_id,
        frames=torch.full((num_frames, 3, *size), len(ids), dtype=torch.uint8),
        masks=masks,
        object_ids=ids,
        frame_idx=torch.arange(num_frames) + 5,
        void=torch.ones(num_frames, *size, dtype=torch.bool) if void else None,
    )


def test_all_fields_and_padding():
    batch = collate_clips([sample("a", [1, 7, 9]), sample("b", [4])])
    assert batch.frames.shape == (2, 2, 3, 6, 8)
    assert batch.frames.dtype == torch.uint8
    assert batch.masks.shape == (2, 2, 3, 6, 8)
    assert batch.masks.dtype == torch.bool
    assert batch.num_objects == [3, 1]
    assert batch.object_ids == [[1, 7, 9], [4]]
    assert batch.video_ids == ["a", "b"]
    assert batch.frame_idx.tolist() == [[5, 6], [5, 6]]
    assert batch.frame_idx.dtype == torch.int64
    assert batch.void is None
    assert torch.equal(batch.masks[0], sample("a", [1, 7, 9]).masks)
    assert batch.masks[1, :, 0].any()
    assert not batch.masks[1, :, 1:].any()
    assert batch.object_masks().shape == (2, 4, 6, 8)


def test_void_of_one_clip_is_void_of_the_batch():
    batch = collate_clips([sample("a", [1]), sample("b", [4], void=True)])
    assert batch.void.shape == (2, 2, 6, 8)
    assert batch.void.dtype == torch.bool
    assert not batch.void[0].any()
    assert batch.void[1].all()


def test_sentences_of_each_slot_are_those_of_its_clip():
    asked = [replace(sample("a", [1, 2]), sentences=["the left one", ""]), sample("b", [1])]
    with pytest.raises(ValueError, match="b has no sentences, others of its batch do"):
        collate_clips(asked)
    asked[1].sentences = ["both"]
    assert collate_clips(asked).sentences == [["the left one", ""], ["both"]]
    assert collate_clips([sample("b", [4])]).sentences is None


def test_clips_of_different_shape_name_the_videos_and_the_fix():
    with pytest.raises(DataError, match=r"a \[6, 8\], b \[6, 9\].*batch_size to 1") as error:
        collate_clips([sample("a", [1]), sample("b", [1], size=(6, 9))])
    assert len(str(error.value).splitlines()) == 1

import torch

from pvuw.types import VideoBatch


def test_every_tensor_of_a_batch_is_pinned(monkeypatch):
    """Pinning needs a GPU; here a copy stands for it."""
    pinned = []

    def pin(tensor):
        pinned.append(tensor.clone())
        return pinned[-1]

    monkeypatch.setattr(torch.Tensor, "pin_memory", pin)
    batch = VideoBatch(
        frames=torch.zeros(1, 2, 3, 4, 4, dtype=torch.uint8),
        masks=torch.zeros(1, 2, 1, 4, 4, dtype=torch.bool),
        num_objects=[1],
        object_ids=[[7]],
        video_ids=["a"],
        frame_idx=torch.arange(2)[None],
        void=torch.zeros(1, 2, 4, 4, dtype=torch.bool),
        clip_seeds=[5],
    )
    moved = batch.pin_memory()
    assert len(pinned) == 4
    tensors = {name: value for name, value in vars(moved).items() if torch.is_tensor(value)}
    assert tensors.keys() == {"frames", "masks", "frame_idx", "void"}
    assert {id(value) for value in tensors.values()} == {id(value) for value in pinned}
    assert (moved.object_ids, moved.clip_seeds) == ([[7]], [5])
    assert batch.frames is not moved.frames

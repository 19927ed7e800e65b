import numpy as np
import pytest
import torch

from pvuw.losses.similarity import SimilarityConfig, object_features, similarity_loss
from tests.helpers.noise import SUMMATION

CONTRAST = SimilarityConfig(contrast_weight=1.0)


def pooled(*objects, visible=None):
    """Features of one frame per row: `[[object 0, object 1, ...], ...]`, each a list of floats."""
    features = torch.tensor(objects)
    if visible is None:
        return features, torch.ones(features.shape[:2], dtype=torch.bool)
    return features, torch.tensor(visible)


# Pooling.


def test_pooling_is_the_mean_over_covered_cells_weighted_by_cover():
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(2, 3, 4, 2, 3, generator=generator)
    masks = torch.rand(2, 3, 8, 12, generator=generator) > 0.5
    masks[1, 2] = False
    result, visible = object_features(features, masks)
    for t in range(2):
        for o in range(3):
            cover = masks[t, o].reshape(2, 4, 3, 4).float().mean((1, 3)).numpy()
            expected = np.zeros(4)
            if cover.sum() > 0:
                expected = (features[t, o].numpy() * cover).sum((1, 2)) / cover.sum()
            np.testing.assert_allclose(result[t, o], expected, atol=SUMMATION)
    assert visible.tolist() == [[True, True, True], [True, True, False]]


def test_one_pixel_of_a_large_frame_is_an_object():
    features = torch.arange(4.0).view(1, 1, 1, 2, 2)
    mask = torch.zeros(1, 1, 64, 64, dtype=torch.bool)
    mask[0, 0, 40, 3] = True
    result, visible = object_features(features, mask)
    assert result.item() == pytest.approx(2.0)
    assert visible.item()


# 1 - cosine.


def test_same_direction_costs_nothing_and_orthogonal_one():
    query = pooled([[0.0, 0.0], [1.0, 0.0]], [[3.0, 3.0], [0.0, 2.0]])
    memory = pooled([[5.0, 5.0], [4.0, 0.0]], [[9.0, 1.0], [1.0, 1.0]])
    loss = similarity_loss(query, memory, memory_frames=[[], [0]], object_to_clip=[0, 0])
    torch.testing.assert_close(loss, torch.tensor([[0.0, 0.0], [0.0, 1.0]]))


@pytest.mark.parametrize("config", [SimilarityConfig(), CONTRAST, SimilarityConfig(True, 0.5, 0.3)])
def test_as_written_out_in_loops(config):
    generator = torch.Generator().manual_seed(2)
    frames, objects = 4, 5
    clips = [0, 0, 1, 1, 1]
    memory_frames = [[], [0], [0, 1], [3, 0, 2]]
    query = torch.randn(frames, objects, 6, generator=generator)
    memory = torch.randn(frames, objects, 6, generator=generator)
    seen_q = torch.rand(frames, objects, generator=generator) > 0.3
    seen_m = torch.rand(frames, objects, generator=generator) > 0.3
    loss = similarity_loss(
        (query, seen_q),
        (memory, seen_m),
        memory_frames=memory_frames,
        object_to_clip=clips,
        config=config,
    )

    def cosine(a, b):
        return (a @ b / (np.linalg.norm(a) * np.linalg.norm(b))).item()

    q, m = query.numpy(), memory.numpy()
    for t in range(frames):
        for o in range(objects):
            costs = []
            for u in memory_frames[t]:
                if not (seen_q[t, o] and seen_m[u, o]):
                    continue
                scores = {
                    k: cosine(q[t, o], m[u, k]) / config.temperature
                    for k in range(objects)
                    if clips[k] == clips[o] and seen_m[u, k]
                }
                contrast = np.log(sum(np.exp(list(scores.values())))) - scores[o]
                costs.append(1 - cosine(q[t, o], m[u, o]) + config.contrast_weight * contrast)
            expected = np.mean(costs) if costs else 0.0
            assert loss[t, o].item() == pytest.approx(expected, abs=SUMMATION)


def test_gradient_goes_into_the_query_side_only():
    query = torch.randn(2, 3, 4, requires_grad=True)
    memory = torch.randn(2, 3, 4, requires_grad=True)
    seen = torch.ones(2, 3, dtype=torch.bool)
    frames = {"memory_frames": [[], [0]], "object_to_clip": [0, 0, 0]}
    similarity_loss((query, seen), (memory, seen), config=CONTRAST, **frames).sum().backward()
    assert memory.grad is None
    assert query.grad[1].ne(0).all()
    assert query.grad[0].eq(0).all()  # frame 0 read nothing
    both = SimilarityConfig(detach_memory=False)
    similarity_loss((query, seen), (memory, seen), config=both, **frames).sum().backward()
    assert memory.grad[0].ne(0).all()


def test_invisible_objects_cost_nothing_and_leave_no_nan():
    query = torch.zeros(2, 2, 3, requires_grad=True)
    seen = torch.zeros(2, 2, dtype=torch.bool)
    for config in (SimilarityConfig(), CONTRAST):
        loss = similarity_loss(
            (query, seen),
            (query, seen),
            memory_frames=[[], [0]],
            object_to_clip=[0, 0],
            config=config,
        )
        loss.sum().backward()
        assert loss.eq(0).all()
        assert query.grad.eq(0).all()


def test_no_memory_at_all_costs_nothing():
    query = pooled([[1.0, 0.0]], [[0.0, 1.0]])
    loss = similarity_loss(query, query, memory_frames=[[], []], object_to_clip=[0])
    assert loss.tolist() == [[0.0], [0.0]]


# Contrast.


def test_contrast_separates_look_alikes():
    """Two objects whose features are nearly the same: only the contrast drives them apart."""
    memory = pooled([[1.0, 0.1, 0.0], [1.0, -0.1, 0.0]], [[0.0] * 3, [0.0] * 3])
    frames = {"memory_frames": [[], [0]], "object_to_clip": [0, 0]}

    def cosine_to_rival(config):
        query = torch.tensor([[[1.0, 0.0, 0.3]] * 2] * 2, requires_grad=True)
        seen = torch.ones(2, 2, dtype=torch.bool)
        optimizer = torch.optim.SGD([query], lr=0.5)
        for _ in range(100):
            optimizer.zero_grad()
            similarity_loss((query, seen), memory, config=config, **frames).sum().backward()
            optimizer.step()
        rival = memory[0][0].flip(0)
        return torch.nn.functional.cosine_similarity(query[1], rival).max().item()

    assert cosine_to_rival(SimilarityConfig()) > 0.97
    assert cosine_to_rival(CONTRAST) < 0.8


def test_contrast_ignores_other_clips_and_lone_objects():
    same = [[1.0, 0.0], [1.0, 0.0]]
    query, memory = pooled(same, same), pooled(same, same)
    frames = {"memory_frames": [[], [0]], "config": CONTRAST}
    apart = similarity_loss(query, memory, object_to_clip=[0, 1], **frames)
    together = similarity_loss(query, memory, object_to_clip=[0, 0], **frames)
    torch.testing.assert_close(apart[1], torch.zeros(2))
    torch.testing.assert_close(together[1], torch.full((2,), np.log(2.0)).float())


@pytest.mark.parametrize("wrong", [{"temperature": 0.0}, {"contrast_weight": -1.0}])
def test_parameters_without_meaning_are_refused(wrong):
    with pytest.raises(ValueError, match=f"similarity.{next(iter(wrong))}"):
        SimilarityConfig(**wrong)

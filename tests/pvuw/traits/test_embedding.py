import numpy as np
import pytest
import torch
from torch import nn

from pvuw.errors import DataError, WeightsError
from pvuw.mose_plus.select.analysis import TraitConfig, analyse
from pvuw.traits.embedding import BackboneEmbedding, EmbeddingConfig
from tests.helpers.noise import SUMMATION
from tests.pvuw.mose_plus.make import clip, write_record


class MeanColour(nn.Module):
    """A backbone whose answer is known: the mean of each channel, as a vector or a map."""

    def __init__(self, scale=1.0, as_map=False):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(scale))
        self.as_map = as_map

    def forward(self, images):
        return images * self.scale if self.as_map else images.mean(dim=(2, 3)) * self.scale


HERE = f"{__name__}.MeanColour"


@pytest.fixture
def red_and_green():
    frame = np.zeros((20, 30, 3), np.uint8)
    frame[:, :15, 0], frame[:, 15:, 1] = 250, 250
    left = np.zeros((20, 30), bool)
    left[2:12, 3:9] = True
    return frame, {4: left, 9: left[:, ::-1].copy()}


@pytest.mark.parametrize("as_map", [False, True])
def test_rows_are_unit_vectors_of_the_object_alone(red_and_green, as_map):
    config = EmbeddingConfig(class_path=HERE, init_args={"as_map": as_map}, size=16)
    rows = BackboneEmbedding(config)(*red_and_green)
    red = (np.array([250, 0, 0]) / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    np.testing.assert_allclose(rows[0], red / np.linalg.norm(red), atol=SUMMATION)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=SUMMATION)
    assert rows[1] @ rows[0] < 0


def test_weights_are_loaded_strictly(tmp_path, red_and_green):
    torch.save({"scale": torch.tensor(-1.0)}, tmp_path / "good.pt")
    torch.save({"other": torch.tensor(-1.0)}, tmp_path / "bad.pt")
    plain = BackboneEmbedding(EmbeddingConfig(class_path=HERE, size=8))(*red_and_green)
    config = EmbeddingConfig(class_path=HERE, weights=tmp_path / "good.pt", size=8)
    np.testing.assert_allclose(BackboneEmbedding(config)(*red_and_green), -plain, atol=SUMMATION)
    with pytest.raises(WeightsError, match=r"bad\.pt: does not fit .*MeanColour.*other"):
        BackboneEmbedding(EmbeddingConfig(class_path=HERE, weights=tmp_path / "bad.pt"))
    with pytest.raises(WeightsError, match=r"gone\.pt: no readable file"):
        BackboneEmbedding(EmbeddingConfig(class_path=HERE, weights=tmp_path / "gone.pt"))


@pytest.mark.parametrize("path", ["no.such.Thing", "torch.nn.NoSuchThing", "Thing"])
def test_wrong_class_path_is_named(path):
    with pytest.raises(DataError, match=rf"{path}: cannot be imported"):
        BackboneEmbedding(EmbeddingConfig(class_path=path))


def test_embedding_replaces_the_statistics(tmp_path):
    frames, id_maps = clip(2, num_frames=3, size_hw=(96, 128), radius=10)
    record = write_record(tmp_path, id_maps, frames)
    config = TraitConfig(embedding=EmbeddingConfig(class_path=HERE, size=16))
    (plain,) = analyse([record]).traits
    (embedded,) = analyse([record], config=config).traits
    assert embedded.similarity != plain.similarity
    assert embedded.bor_mean == plain.bor_mean

import warnings

import numpy as np
import pytest

from pvuw.io.masks import write_id_map
from pvuw.io.png_masks import PngMasks, values_in, warn_of_void

IDS = np.array([[0, 2, 255], [7, 7, 255]], dtype=np.uint8)


@pytest.fixture
def folder(tmp_path):
    write_id_map(tmp_path / "b.png", IDS)
    return tmp_path


def test_only_frames_with_a_file_have_masks(folder):
    store = PngMasks(folder, (None, "b.png"))
    assert list(store) == [1]
    assert len(store) == 1
    assert [t in store for t in (-1, 0, 1, 2)] == [False, False, True, False]
    assert store.place(1) == str(folder / "b.png")
    for position in (-1, 0, 2):
        with pytest.raises(ValueError, match=f"got {position}"):
            store.id_map(position, (2, 3))


def test_values_are_the_ids_unless_others_are_given(folder):
    plain = PngMasks(folder, ("b.png",))
    assert plain.id_map(0, (2, 3)).tolist() == IDS.tolist()
    assert plain.visible_ids(0) == (2, 7, 255)
    assert plain.void(0, (2, 3)) is None
    renamed = PngMasks(folder, ("b.png",), values=(7, 2), void_id=255)
    assert renamed.id_map(0, (2, 3)).tolist() == [[0, 2, 0], [1, 1, 0]]
    assert renamed.visible_ids(0) == (1, 2)
    assert renamed.void(0, (2, 3)).tolist() == [[False, False, True]] * 2
    assert {i: m.sum() for i, m in renamed.masks(0, (2, 3)).items()} == {1: 2, 2: 1}


def test_one_reading_has_ids_as_labels(folder):
    labels, ids, void = PngMasks(folder, ("b.png",), void_id=255).read(0, (2, 3), [7])
    assert labels.tolist() == [[0, 2, 0], [7, 7, 0]]
    assert ids[labels[1, 0] - 1] == 7
    assert void.dtype == np.uint8
    assert void.tolist() == [[0, 0, 1]] * 2


def test_a_mask_of_another_size_is_resized_and_said_so(folder):
    store = PngMasks(folder, ("b.png",), void_id=255)
    with pytest.warns(UserWarning, match=": masks are 3x2, the image 6x4"):
        ids, _, void = store.read(0, (4, 6))
    assert ids.tolist() == np.where(IDS == 255, 0, IDS).repeat(2, 0).repeat(2, 1).tolist()
    assert void.sum() == 8


def test_values_in_is_ascending_and_without_background():
    assert values_in(IDS) == [2, 7, 255]


def test_void_that_nobody_spoke_of_is_never_prompted_without_a_word(folder):
    with pytest.warns(UserWarning, match=r"b\.png: 255 is taken for pixels without ground truth"):
        warn_of_void(PngMasks(folder, ("b.png",), void_id="auto"), 0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for said in (255, None):
            warn_of_void(PngMasks(folder, ("b.png",), void_id=said), 0)

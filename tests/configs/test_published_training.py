"""Every key of the networks' published training configurations, against our recipes.

The tables of docs/training.md, "Beside the published configurations", hold the differences; a key
that is neither equal nor there fails, whichever side it was added or changed on.
"""

import pytest

from pvuw.nets.sam2.build import OFFICIAL_SIZES
from tests.helpers.published import (
    compare,
    sam2_ours,
    sam2_published,
    zoo_ours,
    zoo_published,
)

NAMES = {"cutie": "Cutie", "livos": "LiVOS", "xmem": "XMem", "tmo": "TMO"}


@pytest.mark.parametrize("size", OFFICIAL_SIZES)
def test_sam2_fine_tunes_as_published_but_for_the_documented_keys(size):
    compare(sam2_published(size), sam2_ours(size), "SAM 2")


@pytest.mark.parametrize("name", NAMES)
def test_the_others_fine_tune_as_published_but_for_the_documented_keys(name):
    compare(zoo_published(name), zoo_ours(name), NAMES[name])


def test_a_missed_key_shows():
    published, ours = sam2_published("base_plus"), sam2_ours("base_plus")
    key = "trainer.model.image_encoder.trunk.drop_path_rate"
    assert published[key] == ours[key] == 0.1
    for value in (0.0, None):
        with pytest.raises(AssertionError, match=r"drop_path_rate: theirs 0\.1"):
            compare(published, ours | {key: value}, "SAM 2")
    with pytest.raises(AssertionError, match=r"trainer\.something_new"):
        compare(published | {"trainer.something_new": 1}, ours, "SAM 2")

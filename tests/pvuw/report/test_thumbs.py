import base64
import io

import numpy as np
import pytest
from PIL import Image

from pvuw.report.payload import worst_frame
from pvuw.report.sides import measure_sides
from pvuw.report.thumbs import Thumbs, _box
from tests.pvuw.report.make import queries, settings, write_folders


@pytest.fixture
def root(tmp_path):
    return write_folders(tmp_path)


def thumb(root, video_id, object_id=None, **options):
    chosen, query = settings(root, **options), queries(root)[video_id]
    facts = measure_sides(query, chosen.sides, chosen.truth, "mose")
    return Thumbs(query, facts, chosen).of(object_id), facts


def pixels(shown):
    with Image.open(io.BytesIO(base64.b64decode(shown.text))) as image:
        assert image.format == "WEBP"
        return np.asarray(image.convert("RGB")).astype(int)


def test_the_worst_moment_has_the_prediction_left_and_the_truth_right(root):
    shown, facts = thumb(root, "<odd> name", 3)
    assert shown.position == worst_frame(facts, 3) == 1, "the first of those that show it"
    assert shown.words == "00001: new, truth"
    picture = pixels(shown)
    assert picture.shape[:2] == (48, 131)
    assert shown.size_wh == (131, 48)
    left, right = picture[:, :64], picture[:, 67:]
    tint = [(side[..., 0] + side[..., 1] - 2 * side[..., 2]).max() for side in (left, right)]
    assert tint[0] < 30, "the prediction has lost object 3"
    assert tint[1] > 60, "which is yellow"


def test_of_frames_that_score_alike_the_fullest_is_shown(root):
    _, facts = thumb(root, "<odd> name")
    scores = facts.sides[0].curve(facts.sides[0].scores.j, 3)
    assert scores[1:7].tolist() == [0, 0, 1, 1, 0, 0]
    assert facts.pixels(3)[1] == 144
    assert facts.pixels(3)[3] == 0


def test_without_scores_the_largest_is_shown(root):
    shown, facts = thumb(root, "bad", 3, truth=False, sides=("new",))
    assert facts.pixels(3)[shown.position] == 144
    assert shown.words.endswith(": new")
    assert pixels(shown).shape[:2] == (48, 64)


def test_a_frame_that_cannot_be_read_has_no_picture(root):
    (root / "JPEGImages/bad/00005.jpg").write_bytes(b"")
    shown, facts = thumb(root, "bad")
    assert worst_frame(facts) == 5
    assert shown is None


@pytest.mark.parametrize(
    ("corner", "expected"),
    [((0, 0), (0, 0, 100, 50)), ((290, 140), (200, 100, 300, 150)), ((100, 60), (60, 42, 160, 92))],
)
def test_a_small_thing_is_seen_close_to(corner, expected):
    id_map = np.zeros((150, 300), np.uint8)
    left, top = corner
    id_map[top : top + 15, left : left + 20] = 4
    assert _box([id_map], (150, 300)) == expected
    assert _box([np.zeros_like(id_map)], (150, 300)) == (0, 0, 300, 150)

import numpy as np

from pvuw.io.masks import read_id_map
from tests.helpers import synthetic


def test_the_squares_are_hidden_and_outside_when_the_tables_say_so():
    for object_id in synthetic.OBJECT_IDS:
        for time in range(synthetic.NUM_FRAMES):
            outside = time in synthetic.OUTSIDE.get(object_id, ())
            occluded = time in synthetic.OCCLUDED.get(object_id, ())
            assert synthetic.square(object_id, time).any() == (not outside)
            seen = (synthetic.id_map(time) == object_id).any()
            assert seen == (not outside and not occluded)


def test_the_folder_holds_first_masks_only_in_valid(tmp_path):
    root = synthetic.write_mose_root(tmp_path / "root")
    masks = sorted(str(path.relative_to(root)) for path in root.rglob("*.png"))
    names = [f"{time:05d}.png" for time in range(synthetic.NUM_FRAMES)]
    assert masks == [
        *(f"train/Annotations/{video}/{n}" for video in ("0000000a", "0000000b") for n in names),
        "valid/Annotations/0000000c/00000.png",
        *(f"valid/GroundTruth/0000000c/{n}" for n in names),
    ]
    stored = read_id_map(root / "train/Annotations/0000000b/00004.png")
    np.testing.assert_array_equal(stored, synthetic.id_map(4))
    assert len(list(root.rglob("*.jpg"))) == 3 * synthetic.NUM_FRAMES

import json
from pathlib import Path

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from pvuw.errors import DataError
from pvuw.io.mask_store import MaskQuality, OcclusionLevel
from pvuw.io.masks import read_id_map
from pvuw.io.records import ObjectInfo
from pvuw.traits.layout import box_occlusion_rate
from pvuw.traits.measure import OcclusionLabels, TraitMeter, measure_traits, same_category_share
from pvuw.traits.presence import PresenceTracker
from pvuw.traits.shapes import shapes_of_id_map, shapes_of_masks
from tests.pvuw.mose_plus.make import FolderStore, clip, write_record

SHARED = Path(__file__).parents[4] / "shared" / "data"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="real clips are not at hand")


def squares(*placed, size_hw=(20, 40)):
    """An id map from (id, left, top, side)."""
    id_map = np.zeros(size_hw, np.uint8)
    for object_id, left, top, side in placed:
        id_map[top : top + side, left : left + side] = object_id
    return id_map


# Object 1 moves right by 3 pixels a frame; object 2 stays, is covered, comes back; 3 is tiny.
DRAWN = [
    squares((2, 20, 5, 6), (1, 2, 5, 6)),
    squares((2, 20, 5, 6), (1, 5, 5, 6), (3, 0, 18, 2)),
    squares((1, 8, 5, 6), (3, 0, 18, 2)),
    squares((2, 20, 5, 6), (1, 11, 5, 6), (3, 0, 18, 2)),
]


def test_every_trait_of_a_drawn_video(tmp_path):
    found = measure_traits(write_record(tmp_path, DRAWN, fps=4.0), appearance_frames=0)
    assert (found.num_frames, found.fps, found.size_hw) == (4, 4.0, (20, 40))
    assert (found.num_objects, found.max_objects, found.objects_per_frame) == (3, 3, 2.5)
    assert (found.bor_mean, found.bor_max) == (0, 0)
    assert found.disappearance_rate == pytest.approx(1 / 3)
    assert found.reappearance_rate == pytest.approx(1 / 3)
    assert (found.disappearances, found.reappearances) == (1, 1)
    assert (found.gap_frames, found.longest_gap_frames, found.gap_seconds) == (1, 1, 0.25)
    assert found.small_share == pytest.approx(3 / 10)  # 4 of 800 pixels; 36 are 4.5 %
    # Six steps: three of 1 by 3 pixels, two of 3 and one of 2 standing still.
    assert found.motion == pytest.approx(3 * 3 / 6 / np.hypot(20, 40) * 4)
    # Closest pairs: 1 and 2; 1 and 2; 1 and the tiny 3; 1 and 2.
    gaps = [18 / 6, 15 / 6, np.hypot(10, 11) / np.sqrt((36 + 4) / 2), 9 / 6]
    assert found.crowding == pytest.approx(np.mean([1 / (1 + gap) for gap in gaps]))
    assert (found.similarity, found.mask_score, found.occlusion_label) == (None, None, None)
    assert found.same_category_share is None


def test_overlapping_boxes_of_a_drawn_video(tmp_path):
    crossing = [squares((1, 0, 0, 10), (2, 5, 5, 10)), squares((1, 0, 0, 10)), squares()]
    found = measure_traits(write_record(tmp_path, crossing), appearance_frames=0)
    assert found.bor_max == pytest.approx(25 / 175)
    assert found.bor_mean == pytest.approx((25 / 175 + 0) / 2)  # the empty frame does not count


def test_video_without_any_object(tmp_path):
    found = measure_traits(write_record(tmp_path, [squares(), squares()]))
    assert (found.num_objects, found.objects_per_frame) == (0, 0)
    assert found.bor_mean is None
    assert found.small_share is None


def test_looks_are_compared_on_frames_spread_over_the_video(tmp_path):
    frames, id_maps = clip(3, num_frames=9)
    record = write_record(tmp_path, id_maps, frames)
    found = measure_traits(record, appearance_frames=3)
    assert 0 < found.similarity <= 1

    looked_at = []

    def descriptor(frame, masks):
        looked_at.append(frame)
        return np.eye(len(masks), dtype=np.float32)

    assert measure_traits(record, appearance_frames=3, descriptor=descriptor).similarity == 0
    assert len(looked_at) == 3


def test_category_shares():
    assert same_category_share(["a", "b", "a", "c"]) == 0.5
    assert same_category_share(["a", None]) is None
    assert same_category_share([]) is None


def test_categories_of_objects_that_are_seen(tmp_path):
    objects = (ObjectInfo(1, "1", "dog"), ObjectInfo(2, "2", "dog"), ObjectInfo(3, "3", "cat"))
    record = write_record(tmp_path, [squares((1, 0, 0, 5), (2, 20, 0, 5))], objects=objects)
    assert measure_traits(record).same_category_share == 1  # the cat never shows


def test_occlusion_labels_score_the_worse_half_of_each_object():
    labels = OcclusionLabels()
    none, slight, severe = OcclusionLevel.NONE, OcclusionLevel.SLIGHT, OcclusionLevel.SEVERE
    for levels in ({1: none, 2: none}, {1: severe, 2: none}, {1: slight, 2: none}, {1: none}):
        labels.update(levels)
    assert labels.mean == pytest.approx(((0.75 + 0.25) / 2 + 0) / 2)
    assert OcclusionLabels().mean is None


def test_labels_and_scores_of_a_source_that_has_them(tmp_path):
    record = write_record(tmp_path, DRAWN)
    store = FolderStore(
        record.store.folder,
        record.annotated,
        occlusion=(((1, OcclusionLevel.SEVERE),),) * 4,
        quality=(((1, MaskQuality(is_gt=True, score=1.0)), (2, MaskQuality(False, 0.4))),) * 4,
    )
    rated = write_record(tmp_path, DRAWN, store=store, has_occlusion=True, has_quality=True)
    found = measure_traits(rated, appearance_frames=0)
    assert found.occlusion_label == 0.75
    assert found.mask_score == pytest.approx(0.7)


def test_masks_that_only_introduce_objects_are_refused(tmp_path):
    record = write_record(tmp_path, DRAWN, prompts_only=True, split="valid")
    with pytest.raises(DataError, match=r"video.*'valid' only introduce objects"):
        measure_traits(record)


def test_unreadable_frame_is_named(tmp_path):
    frames, id_maps = clip(3, num_frames=2)
    record = write_record(tmp_path, id_maps, frames)
    broken = record.frame_dir / "00001.jpg"
    broken.write_bytes(broken.read_bytes()[:500])
    with pytest.raises(DataError, match=r"00001\.jpg: truncated"):
        measure_traits(record)


@needs_shared
@pytest.mark.parametrize(
    ("folder", "mbor"),
    [
        ("mini_davis/Annotations/480p/bmx-trees", 0.23),
        ("mini_davis/Annotations/480p/horsejump-high", 0.11),
        ("moselike_composite/Annotations/swans", 0.19),
    ],
)
def test_box_occlusion_of_real_clips_equals_what_is_known(folder, mbor):
    meter = TraitMeter(fps=None)
    for path in sorted((SHARED / folder).glob("*.png")):
        meter.update(shapes_of_id_map(read_id_map(path)))
    assert round(meter.occlusion.mean, 2) == mbor


@needs_shared
def test_swan_four_is_away_for_five_frames():
    meter = TraitMeter(fps=None)
    for path in sorted((SHARED / "moselike_composite/Annotations/swans").glob("*.png")):
        meter.update(shapes_of_id_map(read_id_map(path)))
    assert meter.presence.objects[4].gaps == [5]
    assert meter.presence.reappearance_rate == 0.25


@needs_shared
# pycocotools 2.0 calls an interface that NumPy 2 has changed; its result is right.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_visibility_changes_equal_those_in_the_sav_file():
    content = json.loads((SHARED / "masks_only/sav_000001_manual.json").read_text())
    size_hw = (int(content["video_height"]), int(content["video_width"]))
    tracker, rates = PresenceTracker(), []
    for frame in content["masklet"]:
        masks = {i: coco_mask.decode(rle).astype(bool) for i, rle in enumerate(frame)}
        shapes = shapes_of_masks(masks, size_hw)
        tracker.update(shapes.object_ids)
        rates += [box_occlusion_rate(shapes)] if shapes.object_ids else []
    seen = [tracker.objects[i] for i in range(len(content["masklet"][0]))]
    changes = [p.disappearances + len(p.gaps) for p in seen]
    assert changes == content["masklet_visibility_changes"] == [2, 0, 10, 0, 0]
    assert round(float(np.mean(rates)), 3) == 0.095

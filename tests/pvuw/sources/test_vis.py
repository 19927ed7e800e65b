import pickle

import numpy as np
import pytest

from pvuw.errors import DataError
from pvuw.io.mask_store import OcclusionLevel
from pvuw.sources import SourceSpec, open_source
from tests.pvuw.sources.layouts import (
    NOTHING,
    SIZE,
    assert_masks,
    box,
    compressed,
    run_list,
    vis_content,
    vis_track,
    vis_video,
    write_frames,
    write_json,
)

LEFT, RIGHT, SMALL = box(2, 2, 10, 10), box(4, 6, 20, 30), box(5, 7, 8, 9)
NAMES = [f"img_000000{n}.jpg" for n in (1, 2, 3)]


def write_ovis(root, annotations, *, videos=None, content=None):
    videos = videos or [vis_video(1, "2524877a", NAMES)]
    for video in videos:
        folder, names = video["file_names"][0].split("/")[0], video["file_names"]
        write_frames(root / "train" / folder, [name.split("/")[-1] for name in names])
    path = root / "annotations_train.json"
    return write_json(path, content or vis_content(videos, annotations))


def read(root, source="ovis", **options):
    return list(open_source(SourceSpec(source, root, **options)).records())


def test_every_spelling_and_every_kind_of_absence(tmp_path):
    polygon = [[2, 2, 10, 2, 10, 10, 2, 10]]  # LEFT
    tracks = [
        vis_track(11, 1, [compressed(LEFT), None, compressed(NOTHING)]),
        vis_track(7, 1, [run_list(RIGHT), run_list(NOTHING), run_list(RIGHT)]),
        vis_track(300, 1, [[], polygon, None]),
    ]
    write_ovis(tmp_path, tracks)
    (record,) = read(tmp_path)
    # In the order of the annotations, whatever their ids.
    assert [(i.object_id, i.source_id, i.category) for i in record.objects] == [
        (1, "11", "Zébra"),
        (2, "7", "Zébra"),
        (3, "300", "Zébra"),
    ]
    assert_masks(record, 0, {1: LEFT, 2: RIGHT})
    assert_masks(record, 1, {3: LEFT})
    assert_masks(record, 2, {2: RIGHT})


def test_file_names_count_from_one_and_positions_from_zero(tmp_path):
    write_ovis(tmp_path, [vis_track(1, 1, [None, compressed(LEFT), None])])
    (record,) = read(tmp_path)
    assert record.frame_names == ("img_0000001", "img_0000002", "img_0000003")
    assert record.annotated == (0, 1, 2)
    assert record.visible_ids(1) == (1,)
    assert record.frame_paths[1].name == "img_0000002.jpg"
    assert record.frame_paths[1].exists()


def test_overlapping_objects_keep_their_masks_and_the_smaller_is_on_top(tmp_path):
    tracks = [vis_track(i, 1, [compressed(m)] * 3) for i, m in ((1, SMALL), (2, RIGHT), (3, LEFT))]
    write_ovis(tmp_path, tracks)
    (record,) = read(tmp_path)
    assert_masks(record, 0, {1: SMALL, 2: RIGHT, 3: LEFT})
    id_map = record.read_id_map(0)
    assert np.array_equal(id_map == 1, SMALL)
    assert np.array_equal(id_map == 3, LEFT & ~SMALL)
    assert np.array_equal(id_map == 2, RIGHT & ~LEFT)


def test_occlusion_labels_are_those_of_visible_objects(tmp_path):
    labels = [
        ["no_occlusion", "severe_occlusion", "slight_occlusion"],
        [None, "slight_occlusion", None],
    ]
    tracks = [
        vis_track(1, 1, [compressed(LEFT), None, compressed(LEFT)], occlusion=labels[0]),
        vis_track(2, 1, [None, compressed(RIGHT), compressed(RIGHT)], occlusion=labels[1]),
    ]
    write_ovis(tmp_path, tracks)
    (record,) = read(tmp_path)
    assert record.has_occlusion
    assert [record.occlusions(t) for t in (0, 1, 2)] == [
        {1: OcclusionLevel.NONE},
        {2: OcclusionLevel.SLIGHT},
        {1: OcclusionLevel.SLIGHT},
    ]


def test_ovis_without_labels_says_so(tmp_path):
    write_ovis(tmp_path, [vis_track(1, 1, [compressed(LEFT)] * 3)])
    (record,) = read(tmp_path)
    assert not record.has_occlusion
    assert record.occlusions(0) == {}


def test_an_unknown_label_is_named(tmp_path):
    write_ovis(tmp_path, [vis_track(5, 1, [compressed(LEFT)] * 3, occlusion=["half", None, None])])
    (record,) = read(tmp_path)
    with pytest.raises(DataError, match="annotation 5, frame 0: occlusion must be one of"):
        record.occlusions(0)


def test_a_track_that_is_visible_nowhere_is_no_object(tmp_path):
    tracks = [
        vis_track(1, 1, [None, compressed(NOTHING), None]),
        vis_track(2, 1, [None, compressed(LEFT), None]),
    ]
    write_ovis(tmp_path, tracks)
    (record,) = read(tmp_path)
    assert [(i.object_id, i.source_id) for i in record.objects] == [(1, "2")]
    assert_masks(record, 1, {1: LEFT})


def test_videos_keep_the_order_of_the_file_and_annotations_may_come_in_any(tmp_path):
    videos = [vis_video(9, "bb", NAMES), vis_video(4, "aa", NAMES[:1]), vis_video(5, "cc", NAMES)]
    tracks = [
        vis_track(1, 4, [compressed(SMALL)]),
        vis_track(2, 9, [compressed(LEFT)] * 3),
        vis_track(3, 4, [compressed(RIGHT)]),
    ]
    content = vis_content(videos, tracks)
    content = {key: content[key] for key in ("annotations", "categories", "videos")}
    write_ovis(tmp_path, [], videos=videos, content=content)
    records = read(tmp_path)
    assert [record.video_id for record in records] == ["bb", "aa", "cc"]
    assert_masks(records[0], 2, {1: LEFT})
    assert_masks(records[1], 0, {1: SMALL, 2: RIGHT})
    assert records[2].objects == ()


def test_the_size_of_the_image_wins_over_that_of_the_file(tmp_path):
    write_ovis(tmp_path, [vis_track(1, 1, [compressed(LEFT)] * 3)])
    write_frames(tmp_path / "train" / "2524877a", NAMES, size_hw=(48, 64))
    (record,) = read(tmp_path)
    assert record.size_hw == (48, 64)
    with pytest.warns(UserWarning, match="masks are 32x24, the image 64x48"):
        masks = record.read_masks(0)
    assert np.array_equal(masks[1], LEFT.repeat(2, axis=0).repeat(2, axis=1))


def test_a_record_holds_byte_ranges_not_masks(tmp_path):
    noise = np.random.default_rng(0).random(SIZE) < 0.5
    tracks = [vis_track(i, 1, [compressed(noise)] * 3) for i in range(1, 30)]
    path = write_ovis(tmp_path, tracks)
    (record,) = read(tmp_path)
    stored = pickle.dumps(record)
    assert len(stored) < 5000 < path.stat().st_size
    assert_masks(pickle.loads(stored), 2, dict.fromkeys(range(1, 30), noise))


def test_a_file_changed_after_listing_is_refused(tmp_path):
    path = write_ovis(tmp_path, [vis_track(1, 1, [compressed(LEFT)] * 3)])
    (record,) = read(tmp_path)
    path.write_text(path.read_text() + " ")
    with pytest.raises(DataError, match="changed since it was listed"):
        record.read_masks(0)


def test_a_split_without_public_masks_is_named(tmp_path):
    content = {"videos": [vis_video(1, "2524877a", NAMES)], "annotations": None, "categories": []}
    write_ovis(tmp_path, [], content=content)
    with pytest.raises(DataError, match="holds no annotations; masks of the evaluation splits"):
        read(tmp_path)


def test_a_missing_frame_is_named_unless_its_video_is_excluded(tmp_path):
    path = write_ovis(tmp_path, [vis_track(1, 1, [compressed(LEFT)] * 3)])
    (tmp_path / "train" / "2524877a" / NAMES[1]).unlink()
    with pytest.raises(DataError, match=r"img_0000002\.jpg: no such frame, named by") as error:
        read(tmp_path)
    assert f"{path}: video 1" in str(error.value)
    assert read(tmp_path, exclude=["2524877a"]) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda a: a["segmentations"].pop(), "annotation 1 has masks for 2 frames, its video 3"),
        (lambda a: a.pop("segmentations"), "annotation 1: 'segmentations' must be list"),
        (lambda a: a.update(occlusion=[None]), "1 occlusion labels for 3 frames"),
        (
            lambda a: a.update(segmentations=[{}, None, None]),
            "annotation 1: damaged mask, it has no",
        ),
        (lambda a: a.pop("category_id"), "annotation 1: 'category_id' must be int"),
    ],
)
def test_a_broken_annotation_is_named(tmp_path, change, words):
    track = vis_track(1, 1, [compressed(LEFT)] * 3)
    change(track)
    path = write_ovis(tmp_path, [track])
    with pytest.raises(DataError, match=words) as error:
        read(tmp_path)
    assert str(path) in str(error.value)


def test_runs_that_do_not_fill_the_mask_are_named_with_their_frame(tmp_path):
    damaged = {"size": list(SIZE), "counts": [5, 6]}
    write_ovis(tmp_path, [vis_track(8, 1, [None, damaged, None])])
    (record,) = read(tmp_path)
    with pytest.raises(DataError, match="annotation 8, frame 1: damaged mask, runs cover 11"):
        record.read_masks(1)


def test_frames_of_one_video_must_share_a_folder(tmp_path):
    video = vis_video(1, "a", NAMES)
    video["file_names"][2] = "b/x.jpg"
    write_ovis(tmp_path, [vis_track(1, 1, [compressed(LEFT)] * 3)], videos=[video])
    with pytest.raises(DataError, match="video 1: frames must lie in one folder, got 2"):
        read(tmp_path)


def test_two_videos_in_one_folder_are_refused(tmp_path):
    videos = [vis_video(1, "a", NAMES), vis_video(2, "a", NAMES)]
    write_ovis(tmp_path, [vis_track(1, 1, [compressed(LEFT)] * 3)], videos=videos)
    with pytest.raises(DataError, match="two videos in folder 'a'"):
        read(tmp_path)


def test_a_mirror_layout_of_ovis_is_read(tmp_path):
    path = write_ovis(tmp_path, [vis_track(1, 1, [compressed(LEFT)] * 3)])
    (tmp_path / "Images").mkdir()
    (tmp_path / "train").rename(tmp_path / "Images" / "train")
    (tmp_path / "annotations").mkdir()
    path.rename(tmp_path / "annotations" / path.name)
    (record,) = read(tmp_path)
    assert record.frame_paths[0].exists()
    assert_masks(record, 0, {1: LEFT})


@pytest.mark.parametrize("edition", ["2019", "2021", "2022"])
@pytest.mark.parametrize("place", ["train.json", "train/instances.json"])
def test_youtube_vis_is_read_in_all_editions(tmp_path, edition, place):
    names = ["00000.jpg", "00005.jpg"]
    write_frames(tmp_path / "train" / "JPEGImages" / "0043f083b5", names)
    content = vis_content(
        [vis_video(1, "0043f083b5", names)],
        [vis_track(1, 1, [run_list(LEFT), None]), vis_track(2, 1, [run_list(SMALL)] * 2)],
    )
    write_json(tmp_path / place, content)
    (record,) = read(tmp_path, f"youtube_vis_{edition}")
    assert record.source == f"youtube_vis_{edition}"
    assert record.frame_names == ("00000", "00005")
    assert record.exhaustive
    assert not record.has_occlusion
    assert_masks(record, 0, {1: LEFT, 2: SMALL})
    assert_masks(record, 1, {2: SMALL})


def test_long_videos_of_2022_are_read_too(tmp_path):
    names = ["00000.jpg"]
    for folder in ("short", "long"):
        write_frames(tmp_path / "train" / "JPEGImages" / folder, names)
    content = vis_content([vis_video(1, "short", names)], [vis_track(1, 2, [run_list(LEFT)])])
    content["videos_long"] = [vis_video(2, "long", names)]
    write_json(tmp_path / "train" / "instances.json", content)
    records = read(tmp_path, "youtube_vis_2022")
    assert [record.video_id for record in records] == ["short", "long"]
    assert_masks(records[1], 0, {1: LEFT})

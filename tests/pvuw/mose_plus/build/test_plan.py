import pytest

from pvuw.mose_plus.build.build_config import BuildConfig
from pvuw.mose_plus.build.plan import ChosenVideo, annotations_of, hold_out, output_names
from pvuw.sources import SourceSpec, open_source
from pvuw.sources.keys import VideoKey
from tests.pvuw.mose_plus.build_make import write_sources
from tests.pvuw.mose_plus.make import write_record


def names(*keys):
    return list(output_names([VideoKey(*key) for key in keys]).values())


def test_mose_keeps_its_ids_and_others_carry_their_source():
    assert names(("mose", "train", "0a"), ("mose_v2", "train", "0b"), ("ovis", "train", "0a")) == [
        "0a",
        "0b",
        "ovis_0a",
    ]


def test_names_are_folder_names_and_no_two_alike():
    found = names(
        ("burst", "train", "HACS_-_v_é (1)?"),
        ("burst", "train", "HACS_-_v_é_(1)!"),
        ("burst", "val", "hacs_-_V_É (1)!"),
        ("mose", "train", ".hidden"),
        ("mose", "train", "burst_HACS_-_v____1__"),
    )
    assert found == [
        "burst_HACS_-_v____1__",
        "burst_HACS_-_v____1__-2",
        "burst_hacs_-_V____1__-3",
        "_hidden",
        "burst_HACS_-_v____1__-4",
    ]


def test_long_names_are_cut_and_stay_apart():
    first, second = names(("ovis", "train", "x" * 400), ("ovis", "train", "x" * 401))
    assert first != second
    assert max(len(first), len(second)) < 200


def records_of(tmp_path, number):
    ids = [f"{i:02d}" for i in range(number)]
    return [
        write_record(tmp_path, [[[0, 1], [0, 0]], [[0, 1], [0, 0]]], video_id=name) for name in ids
    ]


@pytest.mark.parametrize(("share", "expected"), [(0.0, 0), (0.1, 1), (0.25, 2), (0.5, 5)])
def test_hold_out_takes_the_share(tmp_path, share, expected):
    held_out = hold_out(records_of(tmp_path, 10), BuildConfig(valid_share=share))
    assert len(held_out) == expected


def test_hold_out_follows_the_seed_and_hardly_the_other_videos(tmp_path):
    records = records_of(tmp_path, 20)
    config = BuildConfig(valid_share=0.25, seed=1)
    drawn = hold_out(records, config)
    assert hold_out(records[::-1], config) == drawn
    assert hold_out(records, BuildConfig(valid_share=0.25, seed=2)) != drawn
    assert len(drawn & hold_out(records[1:], config)) >= 4


def test_hold_out_needs_an_object_in_the_first_frame(tmp_path):
    late = write_record(tmp_path, [[[0, 0]], [[0, 1]]], video_id="late")
    first = write_record(tmp_path, [[[0, 1]], [[0, 1]]], video_id="first")
    assert hold_out([late, first], BuildConfig(valid_share=0.5)) == {
        VideoKey("mose", "train", "first")
    }


def test_annotations_of_a_folder_source(tmp_path):
    write_sources(tmp_path)
    record = next(open_source(SourceSpec("mose", tmp_path / "mose")).records())
    assert annotations_of(record) == str(tmp_path / "mose/train/Annotations/0a")


def test_fingerprint_tells_what_changes_the_video(tmp_path):
    (record,) = records_of(tmp_path, 1)
    video = ChosenVideo(record, "00", "train")
    plain = video.fingerprint(BuildConfig())
    assert video.fingerprint(BuildConfig(seed=4, valid_share=0.2)) == plain
    for other in (
        video.fingerprint(BuildConfig(frames="symlink")),
        video.fingerprint(BuildConfig(short_side=64)),
        video.fingerprint(BuildConfig(quality=90)),
        ChosenVideo(record, "00", "valid").fingerprint(BuildConfig()),
        ChosenVideo(record, "01", "train").fingerprint(BuildConfig()),
    ):
        assert other != plain
    (record.store.folder / "00000.png").touch()
    assert video.fingerprint(BuildConfig()) != plain

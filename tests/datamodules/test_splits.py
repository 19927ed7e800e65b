"""Training videos that validate: counts, shares, and the lists SAM 2's authors published."""

import hashlib

import pytest

from datamodules import ClipConfig, MOSEDataModule
from datamodules.splits import sam2_ids, split
from pvuw.errors import DataError
from pvuw.io.videos import Video
from tests.datamodules.make import moving, write_mose, write_video


def videos(*ids):
    return [Video(video_id, []) for video_id in ids]


def ids(some):
    return [video.video_id for video in some]


def test_lists_are_the_published_ones():
    """Checksums were taken of the sorted lists of facebookresearch/sam2 at 2b90b9f."""
    digests = {
        part: hashlib.sha256("\n".join(sam2_ids(part)).encode()).hexdigest()
        for part in ("train", "held_out")
    }
    assert digests == {
        "train": "a5e1b031fb7820e52d3786756f67d4eba91cb2fd10b221ce4d3ac32000296b11",
        "held_out": "9593ee481e005dbd42b0ed4fa148f99eb95acd000560e36a198ced3e28ade62c",
    }
    assert not set(sam2_ids("train")) & set(sam2_ids("held_out"))


def test_published_lists_leave_the_other_videos_alone():
    everything = videos(*sorted({*sam2_ids("train"), *sam2_ids("held_out"), "330ac20d"}))
    trained, held = split(everything, "sam2")
    assert (len(trained), len(held)) == (1246, 200)
    assert "330ac20d" not in {*ids(trained), *ids(held)}


def test_published_lists_name_what_is_missing():
    some = videos(*sam2_ids("train")[1:], *sam2_ids("held_out"))
    with pytest.raises(DataError, match=r"hold_out sam2: video '002b4dce' .* complete MOSE"):
        split(some, "sam2")


@pytest.mark.parametrize(
    ("hold_out", "expected"), [(0.03, 1), (0.5, 5), (0.24, 2), (3, 3), (0, 0), (0.0, 0)]
)
def test_a_share_is_at_least_one_video(hold_out, expected):
    trained, held = split(videos(*"abcdefghij"), hold_out)
    assert len(held) == expected
    assert sorted([*ids(trained), *ids(held)]) == list("abcdefghij")


@pytest.mark.parametrize("hold_out", [0.03, 1, 2])
def test_nothing_left_to_train_on_is_refused(hold_out):
    with pytest.raises(DataError, match=r"hold_out: \d of 1 training videos leave none"):
        split(videos("a"), hold_out)


@pytest.mark.parametrize("hold_out", [-0.1, 1.0, 1.5])
def test_no_share_is_refused(hold_out):
    with pytest.raises(ValueError, match=rf"a share .* got {hold_out}"):
        MOSEDataModule(hold_out=hold_out)


def test_short_videos_are_left_out_and_do_not_move_what_is_held_out(tmp_path):
    root = write_mose(tmp_path, num_train=6)
    write_video(root / "train", "s", moving(1))
    data = [
        MOSEDataModule(root, hold_out=2, num_workers=0, clip=ClipConfig(num_frames=n, size=16))
        for n in (1, 2)
    ]
    data[0].setup("fit")
    with pytest.warns(UserWarning, match=r"data\.train: 1 of 5 videos are left out"):
        data[1].setup("fit")
    trained = [{b.video_ids[0] for b in module.train_dataloader()} for module in data]
    assert trained[0] - trained[1] == {"s"}
    held = [ids(q.video for qs in module.val_dataloader() for q in qs) for module in data]
    assert sorted(held[0]) == sorted(held[1])


def test_each_video_as_often_as_clips_per_video_says(tmp_path):
    root = write_mose(tmp_path, num_train=3)
    clip = ClipConfig(num_frames=2, size=16, clips_per_video=2)
    data = MOSEDataModule(root, num_workers=0, clip=clip)
    data.setup("fit")
    seen = sorted(batch.video_ids[0] for batch in data.train_dataloader())
    assert seen == ["t0", "t0", "t1", "t1", "t2", "t2"]

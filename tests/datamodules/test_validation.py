"""Which videos are validated on: named sets, a limit, training videos held out."""

import pytest

from datamodules import ClipConfig, MOSEDataModule, MOSEPlusDataModule, VideoFolder
from pvuw.errors import DataError
from tests.datamodules.make import moving, write_mose, write_video

CLIP = ClipConfig(num_frames=2, size=16)


@pytest.fixture
def root(tmp_path):
    return write_mose(tmp_path / "data", num_train=7, num_valid=3)


@pytest.fixture
def davis(tmp_path):
    """Two videos as DAVIS has them: every frame's mask is there, and no `valid`."""
    folder = tmp_path / "davis"
    for name in ("blackswan", "camel", "dance"):
        write_video(folder, name, moving(4))
    return VideoFolder(
        folder / "JPEGImages",
        annotations=folder / "Annotations",
        truth=folder / "Annotations",
        videos=["blackswan", "dance"],
    )


def data_of(root, **options):
    return MOSEDataModule(root, clip=CLIP, num_workers=0, **options)


def ids(loader):
    return sorted(query.query_id for queries in loader for query in queries)


def test_named_sets_are_loaders_by_name(root, davis):
    data = data_of(root, val_sets={"mose": root, "davis": davis})
    for stage in ("validate", "fit"):
        data.setup(stage)
        loaders = data.val_dataloader()
        assert list(loaders) == ["mose", "davis"]
        assert ids(loaders["mose"]) == ["v0", "v1", "v2"]
        assert ids(loaders["davis"]) == ["blackswan", "dance"]
    assert data.test_dataloader().keys() == loaders.keys()


def test_one_set_without_a_name_stays_a_plain_loader(root):
    data = data_of(root)
    data.setup("validate")
    assert ids(data.val_dataloader()) == ["v0", "v1", "v2"]


def test_limit_is_per_set_and_takes_the_same_videos_everywhere(root, davis):
    data = data_of(root, val_sets={"mose": root, "davis": davis}, val_limit=1)
    data.setup("validate")
    assert {name: ids(loader) for name, loader in data.val_dataloader().items()} == {
        "mose": ["v1"],
        "davis": ["dance"],
    }
    broken = root / "valid" / "Annotations" / "v0" / "00099.png"
    broken.write_bytes(b"")
    data.setup("validate")  # a video that is not run need not be in order


def test_build_of_mose_plus_takes_sets_too(root, davis):
    data = MOSEPlusDataModule(root, val_sets={"davis": davis}, val_limit=2, clip=CLIP)
    data.setup("validate")
    assert ids(data.val_dataloader()["davis"]) == ["blackswan", "dance"]


def test_held_out_videos_are_scored_and_not_trained_on(root):
    data = data_of(root, hold_out=2)
    data.setup("fit")
    held, trained = ids(data.val_dataloader()), {b.video_ids[0] for b in data.train_dataloader()}
    assert held == ["t1", "t5"]
    assert trained == {"t0", "t2", "t3", "t4", "t6"}
    ((query,), *_) = data.val_dataloader().videos
    assert len(query.truth.positions()) == len(query.video)


def test_holding_out_everything_is_refused(root):
    with pytest.raises(DataError, match="hold_out: 7 of 7 training videos leave none"):
        data_of(root, hold_out=7).setup("fit")


def test_two_answers_to_what_is_validated_are_refused(root, davis):
    with pytest.raises(ValueError, match=r"data\.val_sets and data\.hold_out each say"):
        data_of(root, val_sets={"davis": davis}, hold_out=2)
    with pytest.raises(ValueError, match=r"data\.val and data\.val_sets each say"):
        data_of(root, val=davis, val_sets={"davis": davis})


@pytest.mark.parametrize("name", ["", "a/b", "a b"])
def test_names_are_ones_that_logs_can_carry(root, davis, name):
    with pytest.raises(ValueError, match="use letters, digits"):
        data_of(root, val_sets={name: davis})


def test_set_without_truth_is_named(root, tmp_path):
    folder = VideoFolder(root / "train" / "JPEGImages", annotations=root / "train" / "Annotations")
    with pytest.raises(DataError, match=r"data\.val_sets\.mine: .* without truth"):
        data_of(root, val_sets={"mine": folder}).setup("validate")
    with pytest.raises(DataError, match=r"nowhere/valid/GroundTruth: no such folder"):
        data_of(root, val_sets={"mine": tmp_path / "nowhere"}).setup("validate")


def test_limits_out_of_range(root):
    with pytest.raises(ValueError, match=r"data\.val_limit must be at least 1, got 0"):
        data_of(root, val_limit=0)
    with pytest.raises(ValueError, match=r"data\.hold_out must be at least 0, got -1"):
        data_of(root, hold_out=-1)

import numpy as np
import pytest

from pvuw.ensemble.members.folders import Confidence, Member, MemberFrames, check_names
from pvuw.errors import DataError
from pvuw.io.masks import read_id_map
from pvuw.io.probabilities import FrameEntry, probability_file
from tests.pvuw.ensemble.scenes_of_squares import NUM_FRAMES, SIZE_HW, truth, video, write


@pytest.fixture
def run(tmp_path):
    write(tmp_path / "run" / "Annotations", "v", video())
    return tmp_path / "run"


def test_a_run_is_named_after_its_folder(run):
    for folder in (run, run / "Annotations"):
        member = Member.find(folder)
        assert (member.name, member.masks) == ("run", run / "Annotations")
        assert member.video_ids() == {"v"}


@pytest.mark.parametrize("weight", [0, -1, float("nan"), float("inf")])
def test_a_weight_is_above_zero(run, weight):
    with pytest.raises(DataError, match="weight must be a number above 0"):
        Member.find(run, weight=weight)


def test_names_are_unique(run):
    with pytest.raises(DataError, match="two members are called run; name them"):
        check_names([Member.find(run), Member.find(run)])


def test_missing_frames_are_no_opinion_and_told(run, tmp_path):
    names = [f"{n:05d}" for n in range(4, NUM_FRAMES)]
    late = write(tmp_path / "late", "v", video()[4:], names=names)
    other = write(tmp_path / "other", "w", video())
    frames = MemberFrames([Member.find(f) for f in (run, late, other)], "v")
    assert len(frames) == NUM_FRAMES
    assert [m is None for m in frames.read(0)] == [False, True, True]
    assert [m is None for m in frames.read(4)] == [False, False, True]
    assert "late: v: 4 of 16 frames have no mask (00000, 00001" in frames.problems[0]
    assert "other: v: no masks; it has no say" in frames.problems[1]


def test_another_resolution_is_resized_to_that_of_most(run, tmp_path):
    large = write(tmp_path / "large", "v", [truth(t, (96, 160)) for t in range(NUM_FRAMES)])
    small = Member.find(run)
    two = MemberFrames([small, Member.find(large)], "v")
    assert two.size_hw == (96, 160)  # as many of each: the larger
    assert two.read(0)[0].shape == (96, 160)
    assert set(np.unique(two.read(0)[0])) == {0, 3, 9}
    three = MemberFrames([small, Member.find(large), Member.find(run, name="b")], "v")
    assert three.size_hw == SIZE_HW
    assert three.problems == ["large: v: masks are 160x96, resized to 80x48"]
    assert (three.read(5)[1] != read_id_map(run / "Annotations" / "v" / "00005.png")).mean() < 0.05


def test_a_video_that_nobody_has_is_an_error(run):
    with pytest.raises(DataError, match="w: no member has a mask of this video"):
        MemberFrames([Member.find(run)], "w")


def probabilities(run, **stated):
    entry = FrameEntry("00000", SIZE_HW, [3, 9], **stated)
    maps = np.zeros((2, 4, 4), np.float32)
    maps[0, 0], maps[1] = 0.8, 0.3
    with probability_file(run / "Probabilities" / "v.zip") as writer:
        writer.add(entry, maps)
    return Confidence(Member.find(run), "v").of_frame("00000")


def test_confidence_is_presence_times_predicted_iou(run):
    said = probabilities(run, presence=[0.9, 0.1], predicted_iou=[0.5, 0.5])
    assert said == pytest.approx({3: 0.45, 9: 0.9})  # surely not there is sure too


def test_confidence_falls_back_on_the_masks_sharpness(run):
    assert probabilities(run) == pytest.approx({3: 0.8, 9: 0.7}, abs=0.01)


def test_an_object_without_opinion_is_none(run):
    assert probabilities(run, presence=[0.9, 0.9], has_opinion=[True, False])[9] is None


def test_without_probabilities_nothing_is_known(run):
    assert Confidence(Member.find(run), "v").of_frame("00000") == {}

import numpy as np
import pytest

from pvuw.ensemble.fuse.evidence import LONG_SIDE, Evidence
from tests.helpers.array_frames import ArrayFrames
from tests.pvuw.ensemble.scenes_of_squares import NUM_FRAMES, SIZE_HW, shifted, swapped, video


@pytest.mark.parametrize("factor", [1, 13])  # 80 pixels wide, and 1040
def test_what_is_kept_is_what_is_read_thinned_out(factor):
    small = [video(), shifted(video(), 1), swapped(shifted(video(), -1), 4, NUM_FRAMES - 1)]
    large = [list(m.repeat(factor, axis=1).repeat(factor, axis=2)) for m in small]
    large[0][3] = None
    evidence = Evidence(ArrayFrames(large), [1, 1, 1])
    assert len(evidence.matching.swaps) == 1
    for position in range(NUM_FRAMES):
        full, thin = evidence.read(position), evidence.read_thin(position)
        assert max(thin[1].shape) <= LONG_SIDE
        for member in range(3):
            alone = evidence.read_member(position, member)
            assert np.array_equal(evidence.thin(full[member]), thin[member])
            assert np.array_equal(alone, full[member])
    assert np.array_equal(evidence.read(9)[2], large[2][9]) is False


def test_compared_are_members_with_their_ids_put_right():
    members = [video(), video() + 0, swapped(video(), 4, NUM_FRAMES - 1)]
    evidence = Evidence(ArrayFrames(members), [1, 1, 1])
    assert evidence.compare(8).combinations is None  # all the same once put right
    assert evidence.compare_thin(8).base.shape == SIZE_HW
    nobody = Evidence(ArrayFrames([[None] * 3], size_hw=(1000, 500)), [1])
    assert nobody.compare_thin(0).base.shape == (333, 167)

"""Made-up rows of the performance database."""

import numpy as np

from pvuw.ensemble.recommend.database import PerformanceRow
from pvuw.ensemble.recommend.features import FEATURE_NAMES, Features


def features(**values):
    """Features that are 0 but for those named."""
    vector = np.zeros(len(FEATURE_NAMES))
    for name, value in values.items():
        vector[FEATURE_NAMES.index(name)] = value
    return Features.of_vector(vector)


def row(member="sam2", video_id="a", *, jf=0.5, level="video", part=0, **others):
    """A row with the same J and F."""
    others = {"features": features(), "data_set": "d", "protocol": "mose", "num_frames": 9} | others
    return PerformanceRow(
        member=member, video_id=video_id, level=level, part=part, j=jf, f=jf, **others
    )

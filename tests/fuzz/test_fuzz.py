"""A second or so of every target; `python -m tests.fuzz TARGET --seconds 600` looks for longer."""

import random

import pytest

from pvuw.sources import SourceSpec, open_source
from tests.fuzz.targets import TARGETS, write_annotations

CASES = {"pictures": 150, "runs": 600, "annotations": 60, "settings": 150, "submissions": 15}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", TARGETS)
def test_damaged_inputs_are_read_or_refused_in_one_line(name, tmp_path):
    case = TARGETS[name](tmp_path)
    for number in range(CASES[name]):
        case(random.Random(f"suite {number}"))


def test_sound_annotation_files_are_read(tmp_path):
    """Damage says nothing of readers that refuse the sound file as well."""
    write_annotations(tmp_path)
    for source in ("ovis", "burst", "mevis", "sav"):
        (record,) = open_source(SourceSpec(source, tmp_path)).records()
        assert record.read_id_map(0).any()

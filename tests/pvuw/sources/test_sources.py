"""The registry: what `pvuw/sources/__init__.py` offers."""

import subprocess
import sys

import pytest

from pvuw.errors import DataError
from pvuw.sources import SOURCES, SourceSpec, open_source
from tests.pvuw.sources.layouts import box, ids_of, write_video


@pytest.mark.parametrize("name", SOURCES)
def test_every_source_is_opened_by_its_name_and_missing_data_is_named(name, tmp_path):
    reader = open_source(SourceSpec(name, tmp_path / "gone"))
    assert reader.facts.name == name
    assert reader.facts.licence
    with pytest.raises(DataError, match=f"{tmp_path}/gone.*expected ") as error:
        list(reader.records())
    assert "\n" not in str(error.value)


def test_an_unknown_source_is_refused_with_the_known_ones(tmp_path):
    with pytest.raises(DataError, match=r"no source is called 'coco'; choose from mose, mose_v2"):
        open_source(SourceSpec("coco", tmp_path))


@pytest.mark.parametrize("name", ["mose", "ovis", "burst", "lvos", "youtube_vis_2019"])
def test_a_variant_is_refused_where_there_is_none(tmp_path, name):
    with pytest.raises(DataError, match=f"{name} has no variant, got '480p'; remove it"):
        open_source(SourceSpec(name, tmp_path, variant="480p"))


def test_split_and_excluded_videos_reach_the_reader(tmp_path):
    base = tmp_path / "valid"
    for name in ("a", "b"):
        write_video(
            base / "JPEGImages",
            base / "Annotations",
            name,
            {"00000": ids_of((1, box(1, 1, 5, 5)))},
        )
    spec = SourceSpec("mose_v2", tmp_path, split="valid", exclude=["a"])
    (record,) = open_source(spec).records()
    assert (record.source, record.split, record.video_id) == ("mose_v2", "valid", "b")


def test_torch_and_lightning_are_not_imported():
    code = (
        "import sys, pvuw.sources.index\n"
        "sys.exit(', '.join({'torch', 'lightning', 'cv2', 'kornia'} & set(sys.modules)) or 0)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr

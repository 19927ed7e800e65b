import subprocess
import sys
from pathlib import Path

import pytest

from pvuw.errors import DataError
from pvuw.mose_plus.config import EvaluationConfig, MosePlusConfig, SelectionConfig, SourceConfig
from pvuw.mose_plus.select.choose import choose_videos
from tests.pvuw.mose_plus.make import clip, write_frames, write_record

SHARED = Path(__file__).parents[5] / "shared" / "data"
SMALL = {"size_hw": (108, 192), "radius": 12, "num_frames": 8}


def config(sources=("mose", "ovis", "burst"), mose=("none",), **selection):
    return MosePlusConfig(
        sources=tuple(
            SourceConfig(source=name, root=Path(), reference=name == sources[0]) for name in sources
        ),
        selection=SelectionConfig(**{"min_reference": 1, "max_distance": None} | selection),
        evaluation=EvaluationConfig(mose=mose),
    )


def record(root, seed, source, video_id, *, step=1, **written):
    """A video made from a seed; `step` keeps every n-th frame, `written` re-encodes."""
    frames, id_maps = clip(seed, **SMALL)
    made = write_record(root, id_maps[::step], frames[::step], source=source, video_id=video_id)
    if written:
        write_frames(made.frame_dir, frames[::step], **written)
    return made


@pytest.fixture
def candidates(tmp_path):
    """MOSE and two sources with everything planted that must not get in."""
    valid = tmp_path / "MOSE" / "valid" / "JPEGImages"
    write_frames(valid / "judged00", clip(50, **SMALL)[0], 80)
    write_frames(valid / "judged01", clip(51, **SMALL)[0], 80)
    return [
        record(tmp_path, 1, "mose", "m1"),
        record(tmp_path, 2, "mose", "m2"),
        record(tmp_path, 1, "ovis", "m1"),  # half of OVIS is in MOSE under its own id
        record(tmp_path, 3, "ovis", "o3"),
        record(tmp_path, 4, "ovis", "judged00"),  # the id of an evaluation video
        record(tmp_path, 2, "burst", "copy", step=2, quality=50, size_hw=(180, 320)),
        record(tmp_path, 51, "burst", "leak", quality=60, size_hw=(90, 160)),
        record(tmp_path, 5, "burst", "bmx-trees"),  # a name of DAVIS 2017 val
        record(tmp_path, 6, "burst", "b6"),
    ]


def test_planted_copies_and_evaluation_videos_are_refused_with_the_reason(tmp_path, candidates):
    settings = config(mose=(str(tmp_path / "MOSE" / "valid"),))
    selection = choose_videos(candidates, settings, cache=tmp_path / "cache", workers=1)
    reasons = {str(d.key): d.reason for d in selection.decisions if not d.admitted}
    valid = tmp_path / "MOSE" / "valid"
    assert {name: text.split(":")[0] for name, text in reasons.items()} == {
        "ovis/train/m1": "duplicate of mose/train/m1",
        "ovis/train/judged00": "evaluation video",
        "burst/train/copy": "duplicate of mose/train/m2",
        "burst/train/leak": f"same as evaluation video judged01 of {valid}",
        "burst/train/bmx-trees": "evaluation video",
    }
    assert reasons["ovis/train/judged00"].endswith(f"its id is in {valid}")
    assert reasons["burst/train/bmx-trees"].endswith("its id is in davis_2017_val")
    assert "pixels agree in 4 of 4 compared" in reasons["burst/train/copy"]
    assert [str(d.key) for d in selection.admitted] == [
        "mose/train/m1",
        "mose/train/m2",
        "ovis/train/o3",
        "burst/train/b6",
    ]


def test_second_run_comes_from_the_cache_and_says_the_same(tmp_path, candidates, monkeypatch):
    settings, cache = config(), tmp_path / "cache"
    first = choose_videos(candidates, settings, cache=cache, workers=1)
    monkeypatch.setattr("pvuw.mose_plus.select.analysis.measure_traits", None)
    monkeypatch.setattr("pvuw.mose_plus.select.analysis.hash_frames", None)
    assert choose_videos(candidates, settings, cache=cache, workers=1) == first
    assert sorted(path.name for path in cache.iterdir()) == sorted(
        f"{source}_train.{what}.jsonl"
        for source in ("mose", "ovis", "burst")
        for what in ("traits", "hashes")
    )


def test_missing_mose_list_stops_before_any_work(candidates, monkeypatch):
    monkeypatch.setattr("pvuw.mose_plus.select.analysis.measure_traits", None)
    with pytest.raises(DataError, match=r"evaluation\.mose: names no list"):
        choose_videos(candidates, config(mose=()), cache=None, workers=1)


def test_unreadable_evaluation_frame_stops(tmp_path, candidates):
    (tmp_path / "MOSE/valid/JPEGImages/judged01/00003.jpg").write_bytes(b"\xff\xd8 not a picture")
    settings = config(mose=(str(tmp_path / "MOSE" / "valid"),))
    with pytest.raises(DataError, match=r"judged01/00003\.jpg"):
        choose_videos(candidates, settings, cache=None, workers=1)


def test_broken_candidate_is_refused_and_the_others_go_on(tmp_path, candidates):
    broken = candidates[3]
    (broken.frame_dir / "00000.jpg").write_bytes(b"")
    selection = choose_videos(candidates, config(), cache=None, workers=1)
    (decision,) = (d for d in selection.decisions if d.video_id == "o3")
    assert not decision.admitted
    assert "00000.jpg" in decision.reason
    assert len(selection.decisions) == len(candidates)


def test_source_without_settings_is_an_error(tmp_path, candidates):
    with pytest.raises(DataError, match="no entry for burst train"):
        choose_videos(candidates, config(("mose", "ovis")), cache=None, workers=1)


def test_imports_no_torch():
    code = "import sys, pvuw.mose_plus.select.choose; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.skipif(not SHARED.is_dir(), reason="real layouts are not at hand")
def test_official_layouts_go_through(tmp_path):
    from pvuw.sources import SourceSpec, open_source

    roots = {
        "mose": "mose",
        "ovis": "ovis",
        "youtube_vis_2019": "ytvis_2019",
        "youtube_vis_2021": "ytvis_2021",
        "burst": "burst",
        "youtube_vos": "youtube_vos",
    }
    records = [
        record
        for source, folder in roots.items()
        for record in open_source(SourceSpec(source, SHARED / "formats" / folder)).records()
    ]
    selection = choose_videos(records, config(tuple(roots)), cache=tmp_path, workers=1)
    assert len(selection.decisions) == len(records)
    ovis = [d.traits for d in selection.decisions if d.source == "ovis"]
    assert any(video.occlusion_label is not None for video in ovis)
    assert any(d.traits.mask_score is not None for d in selection.decisions if d.source == "burst")
    for decision in selection.decisions:
        assert decision.reason

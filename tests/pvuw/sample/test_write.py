import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from pvuw.errors import DataError
from pvuw.io.masks import read_id_map
from pvuw.sample import write
from pvuw.sample.events import Cause
from pvuw.sample.manifest import SampleSpec, planned_videos, read_manifest
from pvuw.sample.scene import generate_clip
from pvuw.sample.write import find_sample, write_sample

SPEC = SampleSpec(train_videos=2, valid_videos=3, num_frames=3, size_hw=(48, 80), seed=11)


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    out = tmp_path_factory.mktemp("sample") / "out"
    write_sample(out, SPEC)
    return out


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_layout_is_moses(sample):
    assert names(sample) == ["sample.json", "train", "valid"]
    assert names(sample / "train") == ["Annotations", "JPEGImages"]
    assert names(sample / "valid") == ["Annotations", "GroundTruth", "JPEGImages"]
    jpegs = [f"{index:05d}.jpg" for index in range(3)]
    pngs = [f"{index:05d}.png" for index in range(3)]
    for video in planned_videos(SPEC):
        root, video_id = sample / video.split, video.video_id
        assert names(root / "JPEGImages" / video_id) == jpegs
        expected = pngs if video.split == "train" else ["00000.png"]
        assert names(root / "Annotations" / video_id) == expected
        if video.split == "valid":
            assert names(root / "GroundTruth" / video_id) == pngs


def test_files_hold_what_the_generator_makes(sample):
    for video in planned_videos(SPEC):
        clip = generate_clip(video.seed, num_frames=3, size_hw=SPEC.size_hw)
        shown = np.unique(clip.id_maps[0])
        for index in range(3):
            root = sample / video.split
            with Image.open(root / "JPEGImages" / video.video_id / f"{index:05d}.jpg") as image:
                error = np.asarray(image).astype(int) - clip.frames[index]
            assert np.abs(error).mean() < 12
            expected = clip.id_maps[index]
            truth = "Annotations"
            if video.split == "valid":
                truth = "GroundTruth"
                expected = np.where(np.isin(expected, shown), expected, 0)
            stored = read_id_map(root / truth / video.video_id / f"{index:05d}.png")
            np.testing.assert_array_equal(stored, expected)


def test_valid_prompts_are_the_first_frame_of_the_truth(sample):
    for video in planned_videos(SPEC)[2:]:
        prompt = sample / "valid" / "Annotations" / video.video_id / "00000.png"
        truth = sample / "valid" / "GroundTruth" / video.video_id / "00000.png"
        assert prompt.read_bytes() == truth.read_bytes()


def test_masks_are_8_bit_palette_pngs(sample):
    for path in sample.rglob("*.png"):
        header = path.read_bytes()[:26]
        assert (header[24], header[25]) == (8, 3)  # bit depth, colour type


def test_records_name_the_objects_of_the_files(sample):
    manifest = read_manifest(sample)
    assert manifest.spec == SPEC
    assert [v.video_id for v in manifest.videos] == [v.video_id for v in planned_videos(SPEC)]
    for record in manifest.videos:
        folder = "Annotations" if record.split == "train" else "GroundTruth"
        masks = (sample / record.split / folder / record.video_id).iterdir()
        id_maps = [read_id_map(path) for path in sorted(masks)]
        found = {int(i) for id_map in id_maps for i in np.unique(id_map)} - {0}
        assert found <= set(record.object_ids)
        if record.split == "valid":
            assert set(record.object_ids) == set(np.unique(id_maps[0]).tolist()) - {0}
            assert all(absence.cause is not Cause.LATE for absence in record.absences)
        for absence in record.absences:
            for index in range(absence.first_frame, absence.last_frame + 1):
                assert not (id_maps[index] == absence.object_id).any()


def test_late_objects_are_distractors_in_valid(tmp_path):
    spec = SampleSpec(0, 4, 20, (48, 80), 0)
    manifest = write_sample(tmp_path / "out", spec)
    unnamed = 0
    for video, record in zip(planned_videos(spec), manifest.videos, strict=True):
        clip = generate_clip(video.seed, num_frames=20, size_hw=(48, 80))
        late = {int(i) for i in np.unique(clip.id_maps)} - {0, *record.object_ids}
        unnamed += len(late)
    assert unnamed > 0


def test_the_same_sample_is_left_alone(sample):
    before = {path: path.stat().st_mtime_ns for path in sample.rglob("*")}
    assert write_sample(sample, SPEC) == read_manifest(sample) == find_sample(sample, SPEC)
    assert {path: path.stat().st_mtime_ns for path in sample.rglob("*")} == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 12}, "seed 11, not 12"),
        ({"num_frames": 4}, "num_frames 3, not 4"),
        ({"size_hw": (48, 81)}, r"size_hw \(48, 80\), not \(48, 81\)"),
        ({"train_videos": 1}, "train_videos 2, not 1"),
    ],
)
def test_another_sample_is_not_overwritten(sample, change, message):
    spec = SampleSpec(**(vars(SPEC) | change))
    with pytest.raises(DataError, match=f"{message}; choose another folder or remove it"):
        write_sample(sample, spec)


def test_an_older_generators_sample_is_not_taken_for_ours(tmp_path, monkeypatch):
    write_sample(tmp_path / "out", SampleSpec(1, 0, 1, (48, 80)))
    monkeypatch.setattr(write, "GENERATOR", 99)
    with pytest.raises(DataError, match="generator 1, not 99"):
        write_sample(tmp_path / "out", SampleSpec(1, 0, 1, (48, 80)))


def test_other_peoples_folders_are_not_touched(tmp_path):
    (tmp_path / "photo.jpg").write_text("precious")
    with pytest.raises(DataError, match=re.escape(f"{tmp_path}: exists and is no sample")):
        write_sample(tmp_path, SPEC)
    assert names(tmp_path) == ["photo.jpg"]


def test_an_empty_folder_may_be_filled(tmp_path):
    (tmp_path / "out").mkdir()
    write_sample(tmp_path / "out", SampleSpec(0, 1, 1, (48, 80)))
    assert names(tmp_path / "out") == ["sample.json", "valid"]
    assert names(tmp_path) == ["out"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_nothing_is_left_after_a_failure(tmp_path, monkeypatch, error):
    real, calls = write.write_id_map, []

    def failing(path, id_map):
        calls.append(path)
        if len(calls) == 4:
            raise error
        real(path, id_map)

    monkeypatch.setattr(write, "write_id_map", failing)
    with pytest.raises(error):
        write_sample(tmp_path / "out", SPEC)
    assert len(calls) == 4
    assert names(tmp_path) == []


def test_a_full_disk_is_one_line(tmp_path, monkeypatch):
    def full(path, id_map):
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(write, "write_id_map", full)
    with pytest.raises(DataError, match=r"out: the sample could not be written .*No space left"):
        write_sample(tmp_path / "out", SPEC)
    assert names(tmp_path) == []


def test_too_small_frames_are_refused_before_anything_is_made(tmp_path):
    with pytest.raises(DataError, match="at least 32 32"):
        write_sample(tmp_path / "deep" / "out", SampleSpec(size_hw=(20, 20)))
    assert names(tmp_path) == []


def test_processes_write_the_same_files(sample, tmp_path):
    write_sample(tmp_path / "out", SPEC, workers=2)
    files = [path.relative_to(sample) for path in sorted(sample.rglob("*")) if path.is_file()]
    assert len(files) == 1 + 5 * 3 + 2 * 3 + 3 * 4
    for file in files:
        assert (tmp_path / "out" / file).read_bytes() == (sample / file).read_bytes()


def test_writing_needs_no_torch():
    code = "import sys, pvuw.sample.write; print('torch' in sys.modules, 'cv2' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.split() == ["False", "False"]

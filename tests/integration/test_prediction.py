"""Prediction as users meet it: killed, continued, shared out, with every step switched on."""

import hashlib
import os
import random
import shutil
import signal
import time
from contextlib import suppress

import numpy as np
import pytest
from PIL import Image

from pvuw.cli import main
from pvuw.io.masks import read_id_map, write_id_map
from pvuw.io.probabilities import ProbabilityFile
from tests.helpers.echo import blocks, write_video
from tests.helpers.processes import wait_until

PREDICT = ("predict", "--config", "mose/copy_first.yaml", "--trainer.accelerator", "cpu")
STEPS = (
    "--model.init_args.inference.views.flips", "[false, true]",
    "--model.init_args.inference.views.scales", "[1.0, 1.5]",
    "--model.init_args.inference.score_steps", "[{class_path: TemporalFusion}]",
    "--model.init_args.inference.mask_steps", "[{class_path: CloseGaps}]",
)  # fmt: skip


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """Five videos of 4 to 8 frames in MOSE's layout, prompted on their first frame."""
    root = tmp_path_factory.mktemp("predict") / "valid"
    for number in range(5):
        video = write_video(root / "JPEGImages" / f"v{number}", blocks(4 + number, (40, 64)))
        masks = root / "Annotations" / video.video_id
        masks.parent.mkdir(exist_ok=True)
        (root / "JPEGImages" / video.video_id / "masks").rename(masks)
    return root.parent


def command(videos, out, *more):
    return [*PREDICT, "--data.root", str(videos), "--out", str(out), *map(str, more)]


def checksums(out):
    folder = out / "Annotations"
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not any(part[0] == "." for part in path.relative_to(folder).parts)
    }


def test_finished_videos_are_skipped_and_only_those(videos, tmp_path, capsys):
    assert main(command(videos, tmp_path)) == 0
    whole = checksums(tmp_path)
    kept = tmp_path / "Annotations" / "v3" / "00001.png"
    lost = tmp_path / "Annotations" / "v1"
    for path in lost.iterdir():
        path.unlink()
    lost.rmdir()
    os.utime(kept, (1, 1))
    assert main(command(videos, tmp_path)) == 0
    assert checksums(tmp_path) == whole
    assert kept.stat().st_mtime == 1
    assert "4 videos are there already" in capsys.readouterr().out


def test_masks_of_another_recipe_are_refused_and_can_be_replaced(videos, tmp_path, capsys):
    assert main(command(videos, tmp_path)) == 0
    assert main(command(videos, tmp_path, *STEPS)) == 2
    error = capsys.readouterr().err
    assert "another recipe or checkpoint" in error
    assert "--mask_writer.existing replace" in error
    replace = ("--mask_writer.existing", "replace")
    assert main(command(videos, tmp_path, *STEPS, *replace)) == 0
    assert main(command(videos, tmp_path, *STEPS)) == 0


@pytest.fixture
def clip(tmp_path):
    """One video's folder and the mask of its first frame."""
    video = write_video(tmp_path / "clip", blocks(4, (40, 64)))
    (tmp_path / "clip" / "masks").rename(tmp_path / "masks")
    return video, tmp_path / "masks" / "00000.png"


def other_mask(folder, mask):
    write_id_map(mask, np.flipud(read_id_map(mask)).copy())


def other_first_frame(folder, mask):
    Image.open(folder / "00000.png").rotate(180).save(folder / "00000.png")


def other_later_frame(folder, mask):
    Image.open(folder / "00002.png").rotate(180).save(folder / "00002.png")


def a_frame_less(folder, mask):
    (folder / "00003.png").unlink()


@pytest.mark.parametrize("change", [other_mask, other_first_frame, other_later_frame, a_frame_less])
def test_answers_to_other_frames_or_masks_are_refused(clip, tmp_path, capsys, change):
    video, mask = clip
    folder = tmp_path / video.video_id

    def run(*more):
        places = ("--data.images", str(folder), "--data.masks", str(mask), "--out")
        argv = [*PREDICT, "--data", "PredictDataModule", *places, str(tmp_path / "out"), *more]
        return main(argv)

    assert run() == 0
    assert run() == 0  # the same again is no news
    before = checksums(tmp_path / "out")
    change(folder, mask)
    capsys.readouterr()
    assert run() == 2
    (line,) = [x for x in capsys.readouterr().err.splitlines() if x.startswith("pvuw: ")]
    assert "out/Annotations/clip: made from other frames or other first masks" in line
    assert checksums(tmp_path / "out") == before
    assert run("--mask_writer.existing", "replace") == 0
    depends = change in (other_mask, a_frame_less)  # the baseline copies masks, whatever it sees
    assert (checksums(tmp_path / "out") != before) == depends
    assert run() == 0


def test_the_same_files_elsewhere_are_continued(videos, tmp_path, capsys):
    assert main(command(videos, tmp_path / "out")) == 0
    shutil.copytree(videos, tmp_path / "elsewhere")
    shutil.rmtree(tmp_path / "out" / "Annotations" / "v1")
    assert main(command(tmp_path / "elsewhere", tmp_path / "out")) == 0
    assert "4 videos are there already" in capsys.readouterr().out
    assert len(list((tmp_path / "out" / "Annotations").glob("v*"))) == 5


def test_a_second_run_into_the_folder_is_refused(videos, tmp_path, capsys):
    from pvuw.io.lock import FolderLock

    lock = FolderLock(tmp_path / "Annotations")
    assert main(command(videos, tmp_path)) == 2
    assert "another run is writing into it" in capsys.readouterr().err
    lock.release()
    assert main(command(videos, tmp_path)) == 0


def test_probabilities_agree_with_the_masks(videos, tmp_path):
    assert main(command(videos, tmp_path, "--probabilities.keep", "true")) == 0
    for video in sorted((tmp_path / "Annotations").iterdir()):
        stored = ProbabilityFile(tmp_path / "Probabilities" / f"{video.name}.zip")
        for position, frame in enumerate(stored.frames):
            ids = np.array([0, *frame.object_ids])
            probs = np.concatenate([np.full((1, 40, 64), 0.5), stored.read(position)])
            masks = read_id_map(video / f"{frame.name}.png")
            assert np.array_equal(ids[probs.argmax(0)], masks)


def test_a_video_whose_probabilities_are_missing_is_not_done(videos, tmp_path):
    assert main(command(videos, tmp_path, "--probabilities.keep", "true")) == 0
    (tmp_path / "Probabilities" / "v2.zip").unlink()
    assert main(command(videos, tmp_path, "--probabilities.keep", "true")) == 0
    assert (tmp_path / "Probabilities" / "v2.zip").exists()


@pytest.mark.slow
@pytest.mark.parametrize(("count", "kills"), [(1, 10), (2, 3)])
def test_killed_at_any_frame_and_continued_it_ends_with_the_same_bytes(
    count, kills, videos, processes, tmp_path
):
    assert main(command(videos, tmp_path / "whole", *STEPS)) == 0
    whole = checksums(tmp_path / "whole")
    rng = random.Random(0)
    out = tmp_path / "killed"
    words = command(videos, out, *STEPS)

    def frames_since(start):
        count = 0
        with suppress(FileNotFoundError):  # a folder takes its final name meanwhile
            for path in (out / "Annotations").rglob("*.png"):
                count += path.stat().st_mtime_ns > start
        return count

    found = []
    for number in range(kills):
        start = time.time_ns()
        run = processes.start(*words, folder=tmp_path / f"{number}", count=count)
        # From the first frame of a video to the middle of the next.
        enough = min(rng.randint(1, 8), len(whole) - len(checksums(out)))
        wait_until(lambda start=start, enough=enough: frames_since(start) >= enough)
        run.kill(signal.SIGKILL)
        run.ended()
        assert checksums(out).items() <= whole.items()
        found.append(len(checksums(out)))
    assert found == sorted(found)
    ended = processes.run(*words, folder=tmp_path / "last", count=count)
    assert [process.status for process in ended] == [0] * count
    assert checksums(out) == whole
    assert not [path for path in (out / "Annotations").iterdir() if path.name[0] == "."]


@pytest.mark.slow
def test_two_processes_write_together_what_one_writes(videos, processes, tmp_path):
    assert main(command(videos, tmp_path / "one", *STEPS)) == 0
    ended = processes.run(*command(videos, tmp_path / "two", *STEPS), folder=tmp_path / "run")
    assert [process.status for process in ended] == [0, 0], ended[0].err
    assert checksums(tmp_path / "two") == checksums(tmp_path / "one")


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["deepsegma/predict.yaml", "fvos/predict.yaml"])
def test_challenge_recipes_predict_a_folder_of_frames(recipe, sample, tmp_path):
    images = sample / "valid" / "JPEGImages"
    net = ("size", "nano", "image_size", "64", "weights", "shipped")
    flags = [f"--model.net.{word}" if i % 2 == 0 else word for i, word in enumerate(net)]
    argv = ["predict", "--config", recipe, *flags, "--trainer.precision", "32-true"]
    argv += ["--trainer.accelerator", "cpu", "--data.images", str(images)]
    argv += ["--data.masks", str(sample / "valid" / "Annotations"), "--out", str(tmp_path)]
    assert main(argv) == 0
    truth = sample / "valid" / "GroundTruth"
    masks = tmp_path / "Annotations"
    assert main(["evaluate", "--gt", str(truth), "--pred", str(masks), "--protocol", "mose"]) == 0
    packed = ["submit", "--pred", str(masks), "--images", str(images), "--format", "mose"]
    packed += ["--annotations", str(sample / "valid" / "Annotations")]
    assert main([*packed, "--out", str(tmp_path / "hand_in.zip")]) == 0
    assert (tmp_path / "hand_in.zip").exists()

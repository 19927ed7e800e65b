"""Videos and sentences of one's own, and MeViS' layout, through `pvuw predict`."""

import json
import signal

import numpy as np
import pytest
import torch

from pvuw.cli import main
from pvuw.io.lock import FolderLock
from pvuw.io.masks import read_id_map
from tests.helpers import mevis, synthetic
from tests.helpers.processes import wait_until
from tests.pvuw.io.movies import write_movie

WORDS = ("the blue square", "both red squares")
NET = "tests.integration.test_sentences.ColourNet"


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("squares")
    mevis.write_split(folder, "valid", videos=("va", "vb", "vc"), sentences=WORDS, masks=False)
    return folder


def words(data, out, *more):
    fixed = [
        "predict", "--model", "VOSModule", "--model.net", NET, "--model.loss",
        "pvuw.losses.BootstrappedLoss", "--data", data, "--out", out,
        "--trainer.accelerator", "cpu", "--trainer.devices", 1,
    ]  # fmt: skip
    return [str(word) for word in (*fixed, *more)]


def own(out, images, text):
    return main(words("PredictDataModule", out, "--data.images", images, "--data.text", text))


def files(out):
    folder = out / "Annotations"
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*.png")}


def assert_answers(out, query_id, sentence):
    for time in range(synthetic.NUM_FRAMES):
        found = read_id_map(out / "Annotations" / query_id / f"{time:05d}.png") == 1
        truth = np.isin(synthetic.id_map(time), mevis.SENTENCES[sentence])
        assert not truth.any() or (found & truth).sum() / (found | truth).sum() > 0.8


def test_a_sentence_about_a_folder_of_videos_one_video_and_a_movie(root, tmp_path):
    images = root / "valid" / "JPEGImages"
    assert own(tmp_path / "all", images, WORDS[0]) == 0
    assert len(files(tmp_path / "all")) == 3 * synthetic.NUM_FRAMES
    assert_answers(tmp_path / "all", "vb/0", WORDS[0])
    assert own(tmp_path / "one", images / "va", WORDS[1]) == 0
    assert_answers(tmp_path / "one", "va/0", WORDS[1])
    movie = write_movie(tmp_path / "my" / "film.mp4", num_frames=5)
    assert own(tmp_path / "film", movie, WORDS[1]) == 0
    assert sorted(files(tmp_path / "film")) == [f"film/0/{t:05d}.png" for t in range(5)]


def test_what_is_wrong_with_one_is_one_line_and_the_rest_is_done(root, tmp_path, capsys):
    text = tmp_path / "asked.txt"
    lines = [
        "va\t" + WORDS[0],
        "va\t ",
        "vb\t" + WORDS[1],
        "gone\t" + WORDS[1],
        "vb\t" + "x" * 5000,
    ]
    text.write_text("\n".join(lines))
    assert own(tmp_path / "out", root / "valid" / "JPEGImages", text) == 1
    err = capsys.readouterr().err
    for line in (
        "va/1: the sentence is empty; write what to follow",
        f"gone/0 failed: {text}, line 4: no such video in",
        "vb/1: the sentence has 5000 characters, at most 2000 can be asked; shorten it",
    ):
        assert sum(line in found for found in err.splitlines()) == 1, err
    assert {name.rpartition("/")[0] for name in files(tmp_path / "out")} == {"va/0", "vb/0"}
    assert_answers(tmp_path / "out", "vb/0", WORDS[1])


def test_expressions_as_mevis_has_them(root, tmp_path, capsys):
    valid = root / "valid"
    text = valid / "meta_expressions.json"
    assert own(tmp_path / "a", valid / "JPEGImages", text) == 0
    assert main(words("MeViSDataModule", tmp_path / "b", "--data.root", root)) == 0
    assert files(tmp_path / "a") == files(tmp_path / "b")
    assert len(files(tmp_path / "a")) == 6 * synthetic.NUM_FRAMES
    twice = tmp_path / "twice.json"
    twice.write_text(text.read_text().replace('"1": {"exp"', '"0": {"exp"'))
    assert own(tmp_path / "c", valid / "JPEGImages", twice) == 2
    assert "key '0' stands twice in one object" in capsys.readouterr().err
    assert not (tmp_path / "c" / "Annotations").exists()
    both = words("PredictDataModule", tmp_path / "d", "--data.images", valid / "JPEGImages")
    assert main([*both, "--data.text", "x", "--data.masks", str(valid)]) == 2
    assert "both say what to follow" in capsys.readouterr().err


def test_two_runs_cannot_write_into_one_folder(root, tmp_path, capsys):
    lock = FolderLock(tmp_path / "out" / "Annotations")
    assert own(tmp_path / "out", root / "valid" / "JPEGImages", WORDS[0]) == 2
    assert "another run is writing into it" in capsys.readouterr().err
    assert files(tmp_path / "out") == {}
    lock.release()


@pytest.mark.slow
def test_two_processes_and_a_kill_give_the_bytes_of_one(root, tmp_path, processes):
    assert main(words("MeViSDataModule", tmp_path / "one", "--data.root", root)) == 0
    command = words("MeViSDataModule", tmp_path / "two", "--data.root", root)
    run = processes.start(*command, folder=tmp_path / "first")
    wait_until(lambda: any((tmp_path / "two").rglob("*/0/*.png")))
    run.kill(signal.SIGKILL)
    assert {ended.status for ended in run.ended()} == {-signal.SIGKILL}
    assert [e.status for e in processes.run(*command, folder=tmp_path / "second")] == [0, 0]
    assert files(tmp_path / "two") == files(tmp_path / "one")
    assert json.loads((tmp_path / "two" / "predict.json").read_text())


def test_training_logs_the_score_of_sentences(root, tmp_path):
    data = tmp_path / "mevis"
    for split in ("train", "valid_u"):
        mevis.write_split(data, split, videos=("va",), sentences=WORDS)
    sets = {"own": {"source": "mevis", "root": str(data), "split": "valid_u"}}
    fit = words("MeViSDataModule", tmp_path / "run", "--data.root", data)
    fit[0] = "fit"
    fit += ["--data.sampling", "AnchorSampling", "--data.sampling.step", "4"]
    fit += ["--data.clip.num_frames", "2", "--data.clip.fit", "keep", "--data.clip.size", "48"]
    fit += ["--data.num_workers", "0", "--trainer.max_epochs", "1", "--model.protocol", "mevis"]
    fit += ["--data.index", str(tmp_path / "index"), "--data.val_sets", json.dumps(sets)]
    assert main(fit) == 0
    saved = torch.load(tmp_path / "run" / "checkpoints" / "best.ckpt", weights_only=True)
    assert saved["global_step"] == 2 * 2  # two sentences, two anchors each
    (scores,) = [v for k, v in saved["callbacks"].items() if "ModelCheckpoint" in k]
    assert scores["best_model_score"] > 0.85

"""Another kind of query, all of it in this file: sentences about squares, from fit to resume."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

from datamodules import ClipConfig, SegmentationDataModule
from pvuw.cli import main
from pvuw.io.listing import VideoFolder, list_videos
from pvuw.io.mask_store import UnionMasks
from pvuw.io.masks import read_id_map
from pvuw.io.png_masks import PngMasks
from pvuw.io.queries import Query
from pvuw.nets.base import TrainableSegmenter, VideoSession
from pvuw.nets.grounding import Grounder
from pvuw.types import FrameOutput, MaskClip, TokenPrompt, VideoBatch
from tests.helpers import synthetic

MEANT = {"the blue square": (7,), "both red squares": (1, 3)}
"""Objects of each sentence; the reds are nearly the same."""
WORDS = tuple(MEANT)
LOOKS: list[tuple[str, tuple[str, ...]]] = []
"""Which video the grounder has looked at, and for which sentences."""


class SentenceData(SegmentationDataModule):
    """Squares in MOSE's layout, each video asked every sentence.

    Args:
        root: The data.
        sentences: What is asked, expression 0 first.
    """

    def __init__(self, root: Path, sentences: list[str] | None = None) -> None:
        clip = ClipConfig(num_frames=2, size=48)
        super().__init__(clip=clip, batch_size=1, num_workers=0, seed=0)
        self.root = root
        self.sentences = sentences or list(WORDS)

    def train_videos(self):
        """Return the videos."""
        split = self.root / "train"
        return list_videos(VideoFolder(split / "JPEGImages", split / "Annotations"))

    def val_queries(self):
        """Return each sentence about each video, with the union of its objects as truth."""
        return [
            Query(
                f"{video.video_id}/{e}",
                video,
                sentence,
                UnionMasks(
                    PngMasks(
                        self.root / "valid" / "GroundTruth" / video.video_id,
                        tuple(f"{name}.png" for name in video.frame_names),
                    ),
                    (MEANT[sentence],),
                ),
            )
            for video in list_videos(VideoFolder(self.root / "valid" / "JPEGImages"))
            for e, sentence in enumerate(self.sentences)
        ]

    predict_queries = val_queries

    def train_dataloader(self):
        """Return a batch for each sentence about each video."""
        clips = [(video, sentence) for video in self.train_videos() for sentence in self.sentences]
        return DataLoader([_batch(*clip) for clip in clips], batch_size=None)


def _batch(video, sentence):
    ids = [video.annotations.id_map(t, video.size_hw) for t in (0, 1)]
    masks = torch.from_numpy(np.isin(ids, MEANT[sentence]))
    return VideoBatch(
        frames=torch.stack([video.read_frame(t) for t in (0, 1)])[None],
        masks=masks[None, :, None],
        num_objects=[1],
        object_ids=[[1]],
        video_ids=[video.video_id],
        frame_idx=torch.tensor([[0, 1]]),
        sentences=[[sentence]],
    )


def colour_logits(frames, colours):
    """Above 0 where a frame `[N, 3, H, W]` is near a colour `[N, 3]`; `[N, H, W]`."""
    return (40 - (frames.float() - colours[..., None, None]).norm(dim=1)) / 4


class ColourNet(TrainableSegmenter):
    """Learns the colour that each sentence means."""

    clip_output = MaskClip

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(2, 3)
        roughly = torch.tensor([[60.0, 60.0, 180.0], [180.0, 80.0, 80.0]])
        self.words.weight.data.copy_(roughly)
        self.grounder = ColourGrounder(self.words)

    def start(self, num_frames=None, *, scale=1.0):
        """Begin a video."""
        return ColourSession()

    def forward_clip(self, batch, *, features=False):
        """Masks of each clip's sentence."""
        colours = self.words(torch.tensor([WORDS.index(s) for (s,) in batch.sentences]))
        frames = batch.frames.unbind(1)
        return MaskClip({t: colour_logits(frame, colours) for t, frame in enumerate(frames)})


class ColourGrounder(Grounder):
    """Looks for a sentence's colour in the last frame, and in the one before."""

    def __init__(self, words):
        self.words = words

    def look(self, video, sentences):
        """One token for each sentence: the colour as the video has it."""
        LOOKS.append((video.video_id, tuple(sentences)))
        frames = [video.read_frame(t).flatten(1).T.float() for t in (len(video) - 1, 3)]
        seen = torch.cat(frames)
        found = []
        for sentence in sentences:
            distance = (seen - self.words.weight[WORDS.index(sentence)]).norm(dim=1)
            found.append({0: TokenPrompt([1], seen[distance.argmin()][None])})
        return found


class ColourSession(VideoSession):
    """Segments what has the colour of the token, in every frame."""

    def __init__(self):
        self.ids, self.tokens = [], torch.zeros(0, 3)

    @property
    def object_ids(self):
        """Ids prompted so far."""
        return list(self.ids)

    def step(self, frame, prompt=None, *, last=False, next_frame=None):
        """Take in a token and segment the frame."""
        if isinstance(prompt, TokenPrompt):
            self.ids, self.tokens = list(prompt.object_ids), prompt.tokens
        with torch.inference_mode():
            frames = frame.expand(len(self.ids), -1, -1, -1)
            return FrameOutput(self.object_ids, colour_logits(frames, self.tokens))

    def remove_object(self, object_id):
        """Forget the one there is."""
        self.ids.remove(object_id)
        self.tokens = torch.zeros(0, 3)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("squares")
    return synthetic.write_mose_root(folder, valid=("0000000c", "0000000d"))


def command(name, root, out, *more):
    here = "tests.integration.test_sentences"
    fixed = [
        name, "--model", "VOSModule", "--model.net", f"{here}.ColourNet",
        "--model.loss", "pvuw.losses.BootstrappedLoss", "--model.protocol", "mevis",
        "--data", f"{here}.SentenceData",
        "--data.root", root, "--out", out, "--trainer.accelerator", "cpu", "--trainer.devices", 1,
    ]  # fmt: skip
    return main([str(word) for word in (*fixed, *more)])


@pytest.fixture(scope="module")
def trained(root, tmp_path_factory):
    """The best checkpoint of a short fit."""
    out = tmp_path_factory.mktemp("fit")
    optim = ("--model.optim.lr", 3.0, "--model.optim.weight_decay", 0)
    assert command("fit", root, out, "--trainer.max_epochs", 3, *optim) == 0
    return out / "checkpoints" / "best.ckpt"


def files(out):
    folder = out / "Annotations"
    paths = list(folder.rglob("*.png"))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(paths)}


def iou(one, other):
    return (one & other).sum() / (one | other).sum()


def test_sentences_are_learnt_and_scored(trained, root, tmp_path):
    checkpoint = torch.load(trained, weights_only=True)
    learnt = checkpoint["state_dict"]["net.words.weight"]
    right = torch.tensor([synthetic.COLORS[7], synthetic.COLORS[1]])
    assert ((learnt - right).norm(dim=1) < (ColourNet().words.weight - right).norm(dim=1)).all()
    (scores,) = [v for k, v in checkpoint["callbacks"].items() if "ModelCheckpoint" in k]
    assert scores["best_model_score"] > 0.85  # val/jf over four queries
    assert command("validate", root, tmp_path, "--ckpt_path", trained) == 0


def test_each_expression_has_a_folder_of_masks_and_is_resumed(trained, root, tmp_path, capsys):
    def predict(*more):
        LOOKS.clear()
        return command("predict", root, tmp_path, "--ckpt_path", trained, *more)

    assert predict() == 0
    assert sorted(LOOKS) == [("0000000c", WORDS), ("0000000d", WORDS)], "one look at each video"
    whole = files(tmp_path)
    assert sorted({name.rpartition("/")[0] for name in whole}) == [
        "0000000c/0", "0000000c/1", "0000000d/0", "0000000d/1",
    ]  # fmt: skip
    for name in whole:
        e, time = int(name.split("/")[1]), int(name.split("/")[2][:5])
        mask = read_id_map(tmp_path / "Annotations" / name)
        truth = np.isin(synthetic.id_map(time), MEANT[WORDS[e]])
        assert set(np.unique(mask)) <= {0, 1}
        assert not truth.any() or iou(mask == 1, truth) > 0.8
    shutil.rmtree(tmp_path / "Annotations" / "0000000d" / "1")
    assert predict() == 0
    assert [("0000000d", (WORDS[1],))] == LOOKS, "the others are there"
    assert files(tmp_path) == whole
    capsys.readouterr()
    assert predict("--data.sentences", f"[{WORDS[1]}, {WORDS[0]}]") == 2
    assert "0000000c/0 and 3 more: made from other" in capsys.readouterr().err
    assert files(tmp_path) == whole


def test_words_are_refused_where_they_mean_nothing(trained, root, tmp_path, capsys):
    flips = ("--model.inference.views.flips", "[false, true]", "--ckpt_path", trained)
    assert command("predict", root, tmp_path / "a", *flips) == 2
    assert "a mirrored or turned view" in capsys.readouterr().err
    assert command("predict", root, tmp_path / "b", "--model.net", "CopyFirst") == 1
    assert "0000000c/0: CopyFirst follows masks and knows no words" in capsys.readouterr().err
    assert files(tmp_path / "b") == {}

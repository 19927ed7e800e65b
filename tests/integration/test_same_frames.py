"""Trees of frames and masks as they come: every command sees the same frames, order and ids."""

import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from pvuw.inference.propagate import InferenceConfig, propagate
from pvuw.io.listing import VideoFolder, list_videos
from pvuw.io.mask_folder import MaskFolder
from pvuw.io.mask_tree import MaskTree
from pvuw.io.masks import davis_palette
from pvuw.io.queries import Query
from pvuw.metrics.pairs import pair_trees
from pvuw.metrics.scoring import score_pairs
from pvuw.nets.copy_first import CopyFirst
from pvuw.report.sides import MaskSource, measure_sides
from pvuw.submit.check import check_submission
from pvuw.submit.formats import FORMATS

LEFT_OVERS = ("._00000.jpg", ".DS_Store", "Thumbs.db", "notes.txt")


class Tree(NamedTuple):
    """One video as it may lie on a disk."""

    names: list[str]
    """Of its frames, in the order of time."""
    suffixes: list[str]
    size_hw: tuple[int, int]
    ids: list[int]
    gray: bool
    void: bool
    left_overs: bool
    video_id: str


@st.composite
def trees(draw):
    """Names with and without zeros, with gaps, any suffix; ids with gaps; void or none."""
    count = draw(st.integers(3, 6))
    steps = draw(st.lists(st.integers(1, 97), min_size=count, max_size=count))
    numbers = np.cumsum([draw(st.integers(0, 120)), *steps[1:]]).tolist()
    prefix = draw(st.sampled_from(["", "frame_", "img 1 ", "a.b-", "кадр", "2x"]))
    width = draw(st.sampled_from([0, 5, 8]))
    suffix = st.sampled_from([".jpg", ".JPG", ".jpeg", ".png", ".PNG"])
    ids = draw(st.lists(st.integers(1, 253), min_size=1, max_size=4, unique=True))
    return Tree(
        names=[f"{prefix}{number:0{width}d}" for number in numbers],
        suffixes=draw(st.lists(suffix, min_size=count, max_size=count)),
        size_hw=draw(st.sampled_from([(8, 8), (9, 14), (16, 10)])),
        ids=sorted(ids),
        gray=draw(st.booleans()),
        void=draw(st.booleans()),
        left_overs=draw(st.booleans()),
        video_id=draw(st.sampled_from(["v", "0012", "a b", "видео", "1e10"])),
    )


def write(tree, root):
    """Write frames, first mask and truth; object `k` fills columns `2k` and `2k + 1`."""
    id_map = np.zeros(tree.size_hw, np.uint8)
    for slot, object_id in enumerate(tree.ids):
        id_map[2:-1, 2 * slot : 2 * slot + 2] = object_id
    if tree.void:
        id_map[0] = 255
    mask = Image.fromarray(id_map)
    if not tree.gray:
        mask.putpalette(davis_palette().tobytes())
    for folder in ("images", "first", "truth"):
        (root / folder / tree.video_id).mkdir(parents=True)
    for number, (name, suffix) in enumerate(zip(tree.names, tree.suffixes, strict=True)):
        kind = "PNG" if suffix.lower() == ".png" else "JPEG"
        Image.new("RGB", tree.size_hw[::-1], (30 * number,) * 3).save(
            root / "images" / tree.video_id / f"{name}{suffix}", format=kind
        )
        mask.save(root / "truth" / tree.video_id / f"{name}.png")
    mask.save(root / "first" / tree.video_id / f"{tree.names[0]}.png")
    for name in LEFT_OVERS if tree.left_overs else ():
        for folder in ("images", "first", "truth"):
            (root / folder / tree.video_id / name).write_bytes(b"\0\5")
            (root / folder / name).write_bytes(b"\0\5")


@torch.inference_mode()
def predict(video, out):
    """Copy the first mask to every frame, as `pvuw predict` does."""
    query, names = Query.of(video), []
    with MaskFolder(out).open(query.query_id, len(video)) as take:
        for prediction in propagate(CopyFirst(), query, InferenceConfig()):
            names.append(prediction.frame_name)
            take(prediction)
    return names


@pytest.mark.filterwarnings("ignore:.*255 is taken for pixels without ground truth")
# Each example writes some thirty files, which takes a while on a busy disk.
@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(trees())
def test_predict_evaluate_submit_and_report_see_the_same(tree):
    with tempfile.TemporaryDirectory() as folder:
        root, out = Path(folder), Path(folder) / "out"
        write(tree, root)
        given_masks = VideoFolder(root / "images", root / "first", root / "truth")
        (video,) = list_videos(given_masks)
        assert video.frame_names == tree.names
        assert predict(video, out) == tree.names

        found = pair_trees(root / "truth", out, "mose")
        assert found.problems == []
        (pair,) = found.pairs
        assert list(pair.frame_names) == tree.names
        (report,) = score_pairs([pair], "mose", workers=1)
        assert report.problems == []
        assert report.frame_names == tree.names[1:-1]
        assert report.result.object_ids == tree.ids
        assert (report.result.j == 1).all()

        submission = check_submission(MaskTree(out), given_masks, FORMATS["mose"])
        assert submission.problems == []
        assert [path.stem for path in submission.masks[tree.video_id]] == tree.names
        assert sorted(submission.object_ids[tree.video_id]) == tree.ids

        sides = [MaskSource("predicted", out)]
        truth = MaskSource("truth", root / "truth", "auto", may_be_sparse=True)
        facts = measure_sides(Query.of(video), sides, truth, "mose")
        assert facts.problems == []
        for side in (*facts.sides, facts.truth):
            assert [sorted(areas) for areas in side.areas] == [tree.ids] * len(tree.names)
        assert facts.sides[0].scored_frames == list(range(1, len(tree.names) - 1))

"""Our session against upstream's video predictor, with the same random weights.

Bit for bit where objects run one by one; and each way of getting it slightly wrong must show.
"""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pvuw.io.masks import read_id_map
from pvuw.nets.sam2 import features, fusion
from pvuw.nets.sam2.build import build_sam2_base
from pvuw.nets.sam2.memory import MemoryBank
from pvuw.nets.sam2.session import Sam2Session
from pvuw.types import MaskPrompt
from tests.helpers.noise import assert_within, tolerance_of
from tests.helpers.sam2_reference import (
    SHARED,
    at_size,
    build_predictor,
    read_frames,
    reference_logits,
    strengthen,
    write_generated_video,
)

NUM_FRAMES = 20
SWANS = SHARED / "moselike_composite" / "{}" / "swans"
HAS_SWANS = Path(str(SWANS).format("JPEGImages")).is_dir()


class Pair:
    """Upstream's predictor and our network with the same weights."""

    def __init__(self, size, image_size, *, gain=8):
        self.predictor = build_predictor(size, image_size)
        strengthen(self.predictor, gain=gain)
        self.net = build_sam2_base(size, image_size=image_size).eval()
        for model in (self.predictor, self.net):
            model.multimask_output_for_tracking = True  # as the official sizes, unlike nano
        self.sync()

    def sync(self):
        self.net.load_state_dict(self.predictor.state_dict())

    def compare(self, folder, prompts, *, num_frames="true", **session):
        """Ours and upstream's logits of all frames at video size, and our outputs."""
        frames = read_frames(folder)
        length = len(frames) if num_frames == "true" else num_frames
        stream = Sam2Session(self.net, length, **session)
        outputs = [stream.step(f, as_prompt(prompts.get(t))) for t, f in enumerate(frames)]
        ours = [at_size(o.mask_logits, frames[0].shape[-2:]) for o in outputs]
        return ours, reference_logits(self.predictor, folder, prompts), outputs

    def tolerance(self, folder, prompts):
        """How far objects in one batch may be from upstream, which runs them one by one."""

        def logits(predictor):
            return reference_logits(predictor, folder, prompts)

        return tolerance_of(self.predictor, logits, draws=1)


def as_prompt(masks):
    return None if masks is None else MaskPrompt(list(masks), torch.stack(list(masks.values())))


def masks_of(id_map, ids):
    return {i: torch.from_numpy(id_map == i) for i in ids}


@pytest.fixture(scope="module")
def nano():
    torch.manual_seed(0)
    return Pair("nano", 128)


@pytest.fixture(scope="module")
def generated(tmp_path_factory):
    """20 frames, three objects of which the third leaves."""
    folder = tmp_path_factory.mktemp("generated") / "video"
    return folder, write_generated_video(folder, num_frames=NUM_FRAMES)


@pytest.fixture(scope="module")
def swans(tmp_path_factory):
    """20 real frames; object 4 is gone in the last four."""
    folder = tmp_path_factory.mktemp("swans")
    for file in sorted(Path(str(SWANS).format("JPEGImages")).glob("*.jpg"))[:NUM_FRAMES]:
        (folder / file.name).symlink_to(file)
    masks = sorted(Path(str(SWANS).format("Annotations")).glob("*.png"))[:NUM_FRAMES]
    return folder, np.stack([read_id_map(file) for file in masks])


def assert_bit_equal(ours, theirs):
    assert len(ours) == len(theirs)
    assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))


def assert_close(ours, theirs, tolerance):
    assert len(ours) == len(theirs)
    for t, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        assert_within(a, b, tolerance, f"frame {t}")


def assert_alive(outputs):
    """The comparison has something to compare: masks differ by pixel, object and frame."""
    for earlier, later in pairwise(outputs[1:]):
        assert later.mask_logits.flatten(1).std(dim=1).min() > 1e-3
        assert (later.mask_logits[0] - later.mask_logits[-1]).abs().max() > 1e-4
        assert (later.mask_logits - earlier.mask_logits).abs().max() > 1e-3


def test_objects_one_by_one_are_bit_equal(nano, generated):
    folder, truth = generated
    assert (truth[0] == 3).any()
    assert not (truth[-1] == 3).any()
    ours, theirs, outputs = nano.compare(folder, {0: masks_of(truth[0], (1, 2, 3))}, batch_size=1)
    assert_alive(outputs)
    assert_bit_equal(ours, theirs)


def test_objects_in_one_batch_are_equal_within_rounding(nano, generated):
    folder, truth = generated
    prompts = {0: masks_of(truth[0], (1, 2, 3))}
    ours, theirs, _ = nano.compare(folder, prompts)
    assert_close(ours, theirs, nano.tolerance(folder, prompts))


@pytest.mark.skipif(not HAS_SWANS, reason="needs the real clips in ../shared/data")
def test_real_frames(nano, swans):
    folder, truth = swans
    assert (truth[0] == 4).any()
    assert not (truth[-1] == 4).any()
    prompts = {0: masks_of(truth[0], (1, 2, 4))}
    ours, theirs, outputs = nano.compare(folder, prompts, batch_size=1)
    assert_alive(outputs)
    assert_bit_equal(ours, theirs)
    assert_close(nano.compare(folder, prompts)[0], theirs, nano.tolerance(folder, prompts))


@pytest.mark.slow
def test_tiny_at_256_pixels(request, generated):
    torch.manual_seed(0)
    tiny = Pair("tiny", 256, gain=3)
    folder, truth = request.getfixturevalue("swans") if HAS_SWANS else generated
    prompts = {0: masks_of(truth[0], (1, 2, 4) if HAS_SWANS else (1, 2, 3))}
    ours, theirs, outputs = tiny.compare(folder, prompts, batch_size=1)
    assert_alive(outputs)
    assert_bit_equal(ours, theirs)
    assert_close(tiny.compare(folder, prompts)[0], theirs, tiny.tolerance(folder, prompts))


def test_objects_that_come_and_go(generated):
    """Presence is near zero, so that objects count as absent on some frames only."""
    folder, truth = generated
    prompts = {0: masks_of(truth[0], (1, 2, 3))}
    torch.manual_seed(0)
    pair = Pair("nano", 128)
    head = pair.predictor.sam_mask_decoder.pred_obj_score_head.layers[-1]
    with torch.no_grad():
        head.weight.mul_(300)
        pair.sync()
        _, _, outputs = pair.compare(folder, prompts)
        head.bias -= torch.stack([o.presence_logits for o in outputs[1:]]).median()
    pair.sync()
    ours, theirs, outputs = pair.compare(folder, prompts, batch_size=1)
    absent = torch.stack([o.presence_logits for o in outputs[1:]]) <= 0
    assert absent.any()
    assert not absent.all()
    assert_bit_equal(ours, theirs)


def test_objects_added_and_corrected_later(nano, generated):
    """As an interactive user of upstream would: propagate so far, prompt, go on."""
    folder, truth = generated
    later = masks_of(truth[9], (2, 1))  # 2 is new, 1 is corrected
    prompts = {0: masks_of(truth[0], (1, 3)), 9: later}
    ours, theirs, outputs = nano.compare(folder, prompts, batch_size=1)
    assert [o.object_ids for o in outputs[8:10]] == [[1, 3], [1, 3, 2]]
    assert_bit_equal(ours, theirs)
    assert_close(nano.compare(folder, prompts)[0], theirs, nano.tolerance(folder, prompts))


def test_prompt_without_a_visible_object(nano, generated):
    folder, truth = generated
    prompts = {0: {1: torch.from_numpy(truth[0] == 1), 2: torch.zeros(truth[0].shape).bool()}}
    ours, theirs, _ = nano.compare(folder, prompts, batch_size=1)
    assert_bit_equal(ours, theirs)


def test_sam_2_point_0(monkeypatch, generated):
    """Version 2.0 encodes no time in its pointers and marks no absence in its memory."""
    folder, truth = generated
    torch.manual_seed(0)
    pair = Pair("nano", 64)
    for model in (pair.net, pair.predictor):
        monkeypatch.setattr(model, "add_tpos_enc_to_obj_ptrs", False)
        monkeypatch.setattr(model, "no_obj_embed_spatial", None)
    ours, theirs, _ = pair.compare(folder, {0: masks_of(truth[0], (1, 2))}, batch_size=1)
    assert_bit_equal(ours, theirs)


def test_under_autocast(nano, generated):
    folder, truth = generated
    with torch.autocast("cpu", torch.bfloat16):
        ours, theirs, _ = nano.compare(folder, {0: masks_of(truth[0], (1,))}, batch_size=1)
    assert_bit_equal(ours, theirs)


def test_a_short_video_needs_its_length(nano, tmp_path):
    truth = write_generated_video(tmp_path / "v", num_frames=6)
    prompts = {0: masks_of(truth[0], (1,))}
    assert_bit_equal(*nano.compare(tmp_path / "v", prompts, batch_size=1)[:2])
    ours, theirs, _ = nano.compare(tmp_path / "v", prompts, batch_size=1, num_frames=None)
    assert not all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))


def test_a_long_video_does_not(nano, generated):
    folder, truth = generated
    prompts = {0: masks_of(truth[0], (1,))}
    assert_bit_equal(*nano.compare(folder, prompts, batch_size=1, num_frames=None)[:2])


def drop_memory(monkeypatch):
    """Remember prompted frames only."""
    add = MemoryBank.add

    def only_prompted(self, frame_idx, memory, *, prompted):
        if prompted:
            add(self, frame_idx, memory, prompted=True)

    monkeypatch.setattr(MemoryBank, "add", only_prompted)


def forget_early(monkeypatch):
    """Keep 14 frames instead of 15."""
    forget = MemoryBank._forget
    monkeypatch.setattr(
        MemoryBank, "_forget", lambda self, t: (forget(self, t), drop_15th(self, t))
    )


def drop_15th(bank, frame_idx):
    bank.recent.pop(frame_idx - 14, None)


def forget_a_map_early(monkeypatch):
    """Keep 5 maps instead of 6."""
    maps = MemoryBank.maps
    monkeypatch.setattr(MemoryBank, "maps", lambda self, t: [m for m in maps(self, t) if m[0] != 1])


def resize_bilinear(monkeypatch):
    def resize(frame, side):
        image = Image.fromarray(frame.permute(1, 2, 0).numpy())
        resized = image.resize((side, side), Image.Resampling.BILINEAR)
        return torch.from_numpy(np.array(resized)).permute(2, 0, 1)

    monkeypatch.setattr(features, "resize_frame", resize)


def resize_with_torch(monkeypatch):
    def resize(frame, side):
        bicubic = torch.nn.functional.interpolate(
            frame[None].float(), size=(side, side), mode="bicubic", antialias=True
        )
        return bicubic[0].round().clamp(0, 255).to(torch.uint8)

    monkeypatch.setattr(features, "resize_frame", resize)


def store_float32(monkeypatch):
    monkeypatch.setattr(fusion, "MEMORY_DTYPE", torch.float32)


@pytest.mark.parametrize(
    "mutate",
    [
        drop_memory,
        forget_early,
        forget_a_map_early,
        resize_bilinear,
        resize_with_torch,
        store_float32,
    ],
)
def test_mistakes_show(nano, generated, monkeypatch, mutate):
    folder, truth = generated
    mutate(monkeypatch)
    ours, theirs, _ = nano.compare(folder, {0: masks_of(truth[0], (1,))}, batch_size=1)
    assert not all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))

"""ReferDINO-Plus: what is found prompts a tracker both ways, and what it loses comes back."""

import pytest
import torch

from pvuw.errors import PvuwError
from pvuw.nets.base import VideoSegmenter, VideoSession
from pvuw.nets.copy_first import CopyFirst
from pvuw.nets.prompting import masks_by_id
from pvuw.nets.referdino import PromptChoice, ReferDinoPlus
from pvuw.nets.referdino.following import Seed, follow
from pvuw.nets.referdino.spool import MaskSpool
from pvuw.nets.sam2 import Sam2
from pvuw.types import FrameOutput
from tests.pvuw.nets.referdino.tiny import Clip, tiny

SIZE = (48, 64)


class Losing(VideoSegmenter):
    """Repeats given masks, but never sees its last object after the frame it was given on."""

    def start(self, num_frames=None, *, scale=1.0):
        """Begin a video."""
        return LosingSession()


class LosingSession(VideoSession):
    """See `Losing`."""

    def __init__(self):
        self.masks, self.shown = {}, []

    @property
    def object_ids(self):
        """Ids so far."""
        return list(self.masks)

    def step(self, frame, prompt=None, *, last=False, next_frame=None):
        """Repeat masks."""
        given = masks_by_id(prompt, frame)
        self.masks.update(given)
        lost = max(self.masks, default=0)
        masks = [m & (i != lost or i in given) for i, m in self.masks.items()]
        stacked = torch.stack(masks) if masks else torch.zeros(0, *SIZE, dtype=torch.bool)
        return FrameOutput(self.object_ids, torch.where(stacked, 9.0, -9.0))

    def remove_object(self, object_id):
        """Forget it."""
        del self.masks[object_id]


class TwoSquares:
    """In place of ReferDINO: two objects, best in different frames, each seen in all frames."""

    def __init__(self, count):
        self.scores = torch.full((count, 3), 0.5)
        self.scores[1, 0] = self.scores[3, 2] = 0.9
        self.scores[:, 1] = 0.1
        self.logits = torch.full((3, 12, 16), -4.0)
        self.logits[0, 1:5, 1:5] = self.logits[2, 6:11, 9:15] = 4.0

    def mask_logits(self, frame):
        """Logits of three queries."""
        return self.logits


def plus(tmp_path, tracker, sighting, **options):
    net = ReferDinoPlus(tiny(tmp_path), tracker, **options).eval()
    net.finder.grounder.sightings = lambda video, sentences: [sighting for _ in sentences]
    return net


def answer(net, video, count):
    (prompts,) = net.grounder.look(video, ["both squares"])
    session = net.start(count)
    return torch.stack(
        [session.step(video.frames[t], prompts[t]).mask_logits[0] > 0 for t in range(count)]
    )


@pytest.mark.parametrize("fusion", ["report", "upstream"])
def test_both_objects_stay_where_the_tracker_loses_one(fusion, tmp_path):
    video, found = Clip(5, SIZE), TwoSquares(5)
    masks = answer(plus(tmp_path, Losing(), found, fusion=fusion), video, 5)
    one = torch.zeros(SIZE, dtype=torch.bool)
    other = one.clone()
    one[4:20, 4:20] = other[24:44, 36:60] = True  # within half a cell
    alone = [tracked[0] for tracked in follow(Losing(), video, seeds_of(found))]
    assert [t for t, mask in enumerate(alone) if (mask & other).any()] == [3], "lost but there"
    for t in range(5):
        assert (masks[t] & one).sum() > 0.8 * one.sum()
        assert (masks[t] & other).sum() > 0.8 * other.sum()


def seeds_of(found):
    size = SIZE
    return [
        Seed(
            t,
            0,
            lambda frame, q=q: (
                torch.nn.functional.interpolate(
                    found.mask_logits(frame)[None, [q]], size, mode="bilinear"
                )[0, 0]
                > 0
            ),
        )
        for q, t in PromptChoice().best_frames(found.scores).items()
    ]


def test_nothing_above_the_threshold_is_empty(tmp_path):
    found = TwoSquares(5)
    found.scores = torch.full((5, 3), 0.27)
    (prompts,) = plus(tmp_path, CopyFirst(), found).grounder.look(Clip(5, SIZE), ["nothing"])
    assert list(prompts) == []


def test_one_object_prompts_where_the_report_says_so(tmp_path):
    found = TwoSquares(5)
    assert PromptChoice().best_frames(found.scores) == {0: 1, 2: 3}
    assert PromptChoice(one=True).best_frames(found.scores) == {0: 1}
    with pytest.raises(PvuwError, match="follows no masks"):
        ReferDinoPlus(tiny(tmp_path), tiny(tmp_path))


def test_objects_are_followed_to_both_ends_and_sentences_do_not_mix():
    video = Clip(4, SIZE)
    masks = [torch.zeros(SIZE, dtype=torch.bool) for _ in range(3)]
    masks[0][:5], masks[1][10:15], masks[2][20:30] = True, True, True
    seeds = [
        Seed(2, 0, lambda t: masks[0]),
        Seed(0, 0, lambda t: masks[1]),
        Seed(3, 4, lambda t: masks[2]),
    ]
    for found in follow(CopyFirst(), video, seeds):
        assert torch.equal(found[0], masks[0] | masks[1])
        assert torch.equal(found[4], masks[2])
    assert [len(found) for found in follow(CopyFirst(), video, [])] == [0] * 4


def test_masks_come_back_bit_by_bit():
    spool, masks = MaskSpool((5, 7)), torch.rand(4, 5, 7) > 0.5
    for key in (3, 0, 2):
        spool.put(key, masks[key])
    assert torch.equal(torch.stack([spool.get(k) for k in (0, 2, 3)]), masks[[0, 2, 3]])
    assert spool.get(1) is None


def test_with_sam2_every_frame_is_encoded_once_for_all_sentences(tmp_path):
    torch.manual_seed(0)
    tracker = Sam2(image_size=64).eval()
    net = ReferDinoPlus(tiny(tmp_path), tracker, prompts=PromptChoice(0.0)).eval()
    encoded = []
    tracker.model.image_encoder.neck.register_forward_hook(lambda *_: encoded.append(1))
    video = Clip(4, SIZE)
    found = net.grounder.look(video, ["the blue square", "both red squares", "a square"])
    assert [list(prompts) for prompts in found] == [[0, 1, 2, 3]] * 3
    assert 4 <= len(encoded) <= 8, "forward, and backward from the last prompt, for all sentences"
    mask = found[1][2].masks
    assert mask.shape == (1, *SIZE)
    assert mask.dtype == torch.bool

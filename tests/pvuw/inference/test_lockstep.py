import pytest
import torch

from pvuw.inference.lockstep import score_frames
from pvuw.inference.prompting import mask_prompts
from pvuw.inference.propagate import InferenceConfig, propagate
from pvuw.inference.views import ViewConfig
from pvuw.io.queries import Query
from tests.helpers.echo import Echo, blocks, write_video
from tests.helpers.noise import SUMMATION

FVOS = ViewConfig([1 + i / 8 for i in range(7)], [0, 90, 180, 270], [False, True])


class Wobbly(Echo):
    """Makes other mistakes in every view, with scores of its own."""

    def spoil(self, logits, frame):
        torch.manual_seed(len(self.steps))
        return logits + 9 * torch.randn(logits.shape)


def id_maps(net, video, **views):
    config = InferenceConfig(views=ViewConfig(**views))
    return torch.stack([frame.id_map for frame in propagate(net, Query.of(video), config)])


@pytest.mark.parametrize("size_hw", [(17, 23), (16, 24)])
@pytest.mark.parametrize("fusion", ["mean", "weighted", "vote"])
@pytest.mark.parametrize("compete", [False, True])
def test_an_identity_network_gives_its_input_back_through_all_views(
    tmp_path, size_hw, fusion, compete
):
    truth = blocks(3, size_hw)
    video = write_video(tmp_path / "v", truth)
    net = Echo()
    net.objects_compete = compete
    views = {**vars(FVOS), "fusion": fusion, "cross": "all"}
    assert torch.equal(id_maps(net, video, **views), torch.from_numpy(truth))
    assert len(net.steps) == 3 * 56


@pytest.mark.parametrize("compete", [False, True])
@pytest.mark.parametrize("fusion", ["mean", "vote"])
def test_flipping_changes_nothing_for_a_flip_equivariant_network(tmp_path, fusion, compete):
    class Blurry(Echo):
        objects_compete = compete

        def spoil(self, logits, frame):
            kernel = torch.tensor([1.0, 3.0, 5.0, 3.0, 1.0]) / 13
            kernel = (kernel[:, None] * kernel)[None, None]
            padded = torch.nn.functional.pad(logits[:, None], (2, 2, 2, 2), mode="replicate")
            blurred = torch.nn.functional.conv2d(padded, kernel)
            # Float sums depend on their order; rounding makes the network exactly equivariant.
            return (blurred[:, 0] * 64).round() / 64 + 1 / 128

    video = write_video(tmp_path / "v", blocks(3, (17, 23)))
    plain = id_maps(Blurry(), video)
    assert torch.equal(id_maps(Blurry(), video, flips=[False, True], fusion=fusion), plain)
    assert plain.unique().tolist() == [0, 3, 9]


def test_sure_views_keep_their_order_where_probabilities_round_to_one(tmp_path):
    class Sure(Echo):
        def spoil(self, logits, frame):
            return torch.stack([torch.full(logits.shape[1:], v) for v in (40.0, 60.0)])

    video = write_video(tmp_path / "v", blocks(2, (17, 23)))
    assert (id_maps(Sure(), video, flips=[False, True]) == 9).all()


@pytest.mark.parametrize("fusion", ["mean", "weighted", "vote"])
@pytest.mark.parametrize("compete", [False, True])
def test_groups_of_views_give_the_same_bits(tmp_path, fusion, compete):
    video = write_video(tmp_path / "v", blocks(3, (17, 23)))
    query = Query.of(video)

    class Seeded(Echo):
        objects_compete = compete

        def spoil(self, logits, frame):
            torch.manual_seed(int(frame.long().mul(torch.arange(frame.shape[-1])).sum()))
            return logits + 9 * torch.randn(logits.shape)

    def scores(at_once):
        views = ViewConfig([1.0, 1.25], [0, 90], [False, True], fusion=fusion, at_once=at_once)
        prompts = mask_prompts(query, query.prompt, "first")
        frames = score_frames(Seeded(), video, prompts=prompts, views=views, prefetch=2)
        return torch.stack([frame.mask_logits for frame in frames])

    together = scores(None)
    for at_once in (1, 4):
        assert torch.equal(scores(at_once), together)


def test_all_views_advance_frame_by_frame(tmp_path):
    net = Echo()
    id_maps(
        net, write_video(tmp_path / "v", blocks(3, (17, 23))), scales=[1.0, 1.5], rotations=[0, 90]
    )
    assert [step[0] for step in net.steps] == [1.0, 1.0, 1.5, 1.5] * 3
    assert [step[1] for step in net.steps[:2]] == [(17, 23), (23, 17)]
    assert [step[2] for step in net.steps] == [False] * 8 + [True] * 4


def test_the_majority_wins_a_vote_and_the_surest_a_mean(tmp_path):
    class Disagrees(Echo):
        """The first view is sure of object 3 everywhere, two others lean towards 9."""

        def spoil(self, logits, frame):
            first = len(self.steps) % 3 == 1
            values = (8.0, -8.0) if first else (-0.2, 0.4)
            return torch.stack([torch.full(logits.shape[1:], v) for v in values])

    video = write_video(tmp_path / "v", blocks(2, (17, 23)))
    three = {"scales": [1.0, 1.25, 1.5]}
    assert (id_maps(Disagrees(), video, **three, fusion="vote") == 9).all()
    assert (id_maps(Disagrees(), video, **three, fusion="mean") == 3).all()


def test_weights_follow_presence_and_predicted_iou():
    from pvuw.inference.fusion import view_sums
    from pvuw.types import FrameOutput

    def sums(logit, presence, iou):
        logits = torch.full((1, 1, 1), logit)
        output = FrameOutput([1], logits, torch.tensor([presence]), torch.tensor([iou]))
        return view_sums(output, logits, fusion="weighted")

    trusted, doubted = sums(2.0, 8.0, 0.9), sums(-3.0, -2.0, 0.3)
    assert (trusted + doubted).mask_logits().item() > 0
    assert (sums(2.0, -2.0, 0.3) + sums(-3.0, 8.0, 0.9)).mask_logits().item() < 0


def test_a_view_without_opinion_does_not_count():
    from pvuw.inference.fusion import view_sums
    from pvuw.types import FrameOutput

    def sums(logit, opinion):
        logits = torch.full((1, 1, 1), logit)
        output = FrameOutput([1], logits, has_opinion=torch.tensor([opinion]))
        return view_sums(output, logits, fusion="mean")

    both = sums(2.0, True) + sums(0.0, False)
    assert both.mask_logits().item() == pytest.approx(2.0, abs=SUMMATION)
    one = FrameOutput([1], both.mask_logits(), has_opinion=torch.tensor([True]))
    assert both.output(one, both.mask_logits()).has_opinion.tolist() == [True]
    assert sums(0.0, False).output(one, both.mask_logits()).has_opinion.tolist() == [False]


def weighted(logits, *, iou=None, presence=None, compete=False):
    """One view's part in a weighted sum of two objects at one pixel."""
    from pvuw.inference.fusion import view_sums
    from pvuw.types import FrameOutput

    mask_logits = torch.tensor(logits).view(2, 1, 1)
    output = FrameOutput([1, 2], mask_logits, presence, iou, objects_compete=compete)
    return view_sums(output, mask_logits, fusion="weighted")


def test_predicted_iou_is_a_weight_of_its_own():
    iou = torch.tensor([0.9, 0.25])
    sums = weighted([2.0, -1.0], iou=iou)
    p = torch.tensor([2.0, -1.0]).sigmoid()
    torch.testing.assert_close(sums.objects.flatten(), iou * p)
    torch.testing.assert_close(sums.background.flatten(), iou * (1 - p))
    presence = torch.tensor([0.5, -0.5])
    both = weighted([2.0, -1.0], iou=iou, presence=presence)
    torch.testing.assert_close(both.objects.flatten(), iou * presence.sigmoid() * p)


def test_the_background_of_competing_objects_has_their_mean_weight():
    iou = torch.tensor([0.9, 0.3])
    sums = weighted([2.0, -1.0], iou=iou, compete=True)
    p = torch.tensor([0.0, 2.0, -1.0]).softmax(0)
    torch.testing.assert_close(sums.objects.flatten(), iou * p[1:])
    torch.testing.assert_close(sums.background.flatten(), 0.6 * p[:1])


def test_the_next_frame_is_turned_like_the_frame(tmp_path):
    """A network that looks ahead sees both through the same view."""

    class LooksAhead(Echo):
        reads_next_frame = True

        def start(self, num_frames=None, *, scale=1.0):
            session = super().start(num_frames, scale=scale)
            plain = session.step

            def step(frame, prompt=None, *, last=False, next_frame=None):
                # Frames of `blocks` stand still in red, so both must show the same there.
                if next_frame is not None:
                    assert next_frame.shape == frame.shape
                    assert torch.equal(next_frame[0], frame[0])
                return plain(frame, prompt, last=last, next_frame=next_frame)

            session.step = step
            return session

    truth = blocks(3, (17, 23))
    truth[:] = truth[0]
    net = LooksAhead()
    id_maps(net, write_video(tmp_path / "v", truth), rotations=[0, 90], flips=[False, True])
    assert [step[3] for step in net.steps] == [True] * 6 + [False] * 3

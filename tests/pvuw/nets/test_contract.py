"""What `VideoSegmenter` promises, tried on every network that is found and takes masks."""

import gc

import pytest
import torch
from torch.nn import functional

from pvuw.nets.base import SeparateViews, TrainableSegmenter
from pvuw.nets.checkpoint import load_official
from pvuw.nets.find import find_networks
from pvuw.nets.sam2 import fusion
from pvuw.types import CandidateClip, MaskPrompt, VideoBatch
from tests.helpers.noise import FACTOR, noise_floor, tolerance_of
from tests.pvuw.nets.smallest import smallest

NETWORKS = {name: net for name, net in find_networks().items() if net.takes_masks}
TRAINED = [name for name, net in NETWORKS.items() if issubclass(net, TrainableSegmenter)]
SIDE = 64
COARSE = ("Sam2", "Sam3")
"""Their release remembers a prompt at a lower resolution in prediction than in training, and in
bfloat16, as parity tests hold. A mask without an edge is the same at both; rounding stays."""


@pytest.fixture(params=sorted(NETWORKS))
def net(request):
    return smallest(request.param)


def frames(count, *, seed=3):
    """Slowly moving blobs of colour over noise, uint8 `[T, 3, H, W]`."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randint(0, 80, (count, 3, SIDE, SIDE), generator=generator, dtype=torch.uint8)
    for t in range(count):
        for slot in range(3):
            noise[t, slot][box(slot, shift=t % 8)] += 150
    return noise


def box(slot, *, shift=0):
    mask = torch.zeros(SIDE, SIDE, dtype=torch.bool)
    mask[18 * slot + 2 : 18 * slot + 18, 8 + shift : 32 + shift] = True
    return mask


def prompt(*object_ids, shift=0):
    slots = [{7: 0, 3: 1, 5: 2}[i] for i in object_ids]
    return MaskPrompt(list(object_ids), torch.stack([box(s, shift=shift) for s in slots]))


def play(session, shown, prompts):
    following = [*shown[1:], None]
    return [
        session.step(frame, prompts.get(t), last=later is None, next_frame=later)
        for t, (frame, later) in enumerate(zip(shown, following, strict=True))
    ]


def at_network_size(net, shown, masks):
    """Frames `[T, 3, H, W]` and masks `[T, N, H, W]` as clips for this network are."""
    size_hw = net.network_size((SIDE, SIDE))
    small = functional.interpolate(masks.float(), size_hw, mode="nearest-exact") > 0
    return functional.interpolate(shown, size_hw, mode="nearest-exact"), small


def assert_same(first, second):
    for one, other in zip(first, second, strict=True):
        assert one.object_ids == other.object_ids
        assert torch.equal(one.mask_logits, other.mask_logits)


def stored_bytes(session, net):
    """Bytes of all tensors a session holds on to, the network's own apart."""
    own = {tensor.untyped_storage().data_ptr() for tensor in net.state_dict().values()}
    seen, storages, todo = set(), {}, [session]
    while todo:
        item = todo.pop()
        if id(item) in seen or isinstance(item, torch.nn.Module | type):
            continue
        seen.add(id(item))
        if isinstance(item, torch.Tensor):
            storage = item.untyped_storage()
            storages[storage.data_ptr()] = storage.nbytes()
        elif not callable(item):
            todo += gc.get_referents(item)
    return sum(size for place, size in storages.items() if place not in own)


def test_outputs_are_as_the_interface_says(net):
    shown = frames(3)
    session = net.start(num_frames=3)
    outputs = play(session, shown, {0: prompt(7, 3)})
    for output in outputs:
        assert output.object_ids == [7, 3] == session.object_ids
        assert output.mask_logits.dtype == torch.float32
        assert output.mask_logits.shape[0] == 2
        assert output.mask_logits.shape[1:] == outputs[0].mask_logits.shape[1:]
        assert torch.isfinite(output.mask_logits).all()
        assert not output.mask_logits.requires_grad
        for opinion in (output.presence_logits, output.predicted_iou, output.has_opinion):
            assert opinion is None or opinion.shape == (2,)
    size_hw = outputs[0].mask_logits.shape[1:]
    given = functional.interpolate(prompt(7, 3).masks[None].float(), size_hw)[0] > 0
    agree = ((outputs[0].mask_logits > 0) == given).float().mean()
    assert agree > 0.9  # the prompt comes back, at the network's own resolution


def test_two_videos_at_once_are_two_videos(net):
    one, other = frames(4), frames(4, seed=8)
    prompts = {0: prompt(7), 2: prompt(3)}
    alone = [play(net.start(4), shown, prompts) for shown in (one, other)]
    sessions = [net.start(4), net.start(4)]
    together = [[], []]
    for t in range(4):
        for place, shown in enumerate((one, other)):
            following = shown[t + 1] if t < 3 else None
            output = sessions[place].step(
                shown[t], prompts.get(t), last=t == 3, next_frame=following
            )
            together[place].append(output)
    for place in range(2):
        assert_same(alone[place], together[place])


def test_views_side_by_side_are_views_apart(net, monkeypatch):
    """Bit for bit where each has a session of its own, within rounding where they share batches."""
    # A bfloat16 that rounds to its other neighbour is a step that no noise floor foresees.
    monkeypatch.setattr(fusion, "MEMORY_DTYPE", torch.float32)
    shown, prompts = frames(4), {0: prompt(7, 3), 2: prompt(5)}
    turns = [lambda x: x, lambda x: x.flip(-1), lambda x: torch.rot90(x, 1, (-2, -1))]

    def seen(turn):
        return {t: MaskPrompt(p.object_ids, turn(p.masks)) for t, p in prompts.items()}

    def apart(net):
        played = [play(net.start(4), turn(shown), seen(turn)) for turn in turns]
        return [output.mask_logits for view in zip(*played, strict=True) for output in view]

    session, together = net.start_views(4, count=3), []
    for t in range(4):
        following = None if t == 3 else [turn(shown[t + 1]) for turn in turns]
        together += session.step_views(
            [turn(shown[t]) for turn in turns],
            [seen(turn).get(t) for turn in turns],
            last=t == 3,
            next_frames=following,
        )
    assert [o.object_ids for o in together] == [[7, 3]] * 6 + [[7, 3, 5]] * 6
    expected = apart(net)
    tolerance = 0.0 if isinstance(session, SeparateViews) else tolerance_of(net, apart, draws=1)
    for found, one in zip(together, expected, strict=True):
        assert (found.mask_logits - one).abs().max() <= tolerance
    assert tolerance < 1e-2 * torch.cat([one.flatten() for one in expected]).std()


def test_nothing_is_tracked_before_the_first_prompt(net):
    shown = frames(4)
    session = net.start(4)
    early = session.step(shown[0], next_frame=shown[1])
    assert early.object_ids == []
    assert early.mask_logits.shape[0] == 0
    assert session.step(shown[1], prompt(5), next_frame=shown[2]).object_ids == [5]


def test_late_objects_come_behind_and_corrections_keep_their_slot(net):
    outputs = play(net.start(6), frames(6), {0: prompt(7), 2: prompt(5, 3), 4: prompt(7, shift=4)})
    assert [o.object_ids for o in outputs] == [[7]] * 2 + [[7, 5, 3]] * 4
    assert all(o.mask_logits.shape[0] == len(o.object_ids) for o in outputs)


def test_removed_objects_are_gone_and_the_others_go_on(net):
    shown = frames(6)
    session = net.start(6)
    play_some = play(session, shown[:3], {0: prompt(7, 3, 5)})
    assert play_some[-1].object_ids == [7, 3, 5]
    session.remove_object(3)
    assert session.object_ids == [7, 5]
    output = session.step(shown[3], next_frame=shown[4])
    assert output.object_ids == [7, 5]
    assert torch.isfinite(output.mask_logits).all()
    with pytest.raises(KeyError):
        session.remove_object(3)
    assert session.step(shown[4], prompt(3), next_frame=shown[5]).object_ids == [7, 5, 3]
    for object_id in (7, 5, 3):
        session.remove_object(object_id)
    assert session.step(shown[5], last=True).object_ids == []


def test_memory_does_not_grow_with_the_video(net):
    shown = frames(8)
    session = net.start()
    sizes = []
    for t in range(26):
        session.step(shown[t % 8], prompt(7, 3) if t == 0 else None, next_frame=shown[(t + 1) % 8])
        sizes.append(stored_bytes(session, net))
    assert sizes[0] > 0
    assert max(sizes[20:]) <= max(sizes[:20])


def test_half_precision_gives_float32_that_is_finite(net):
    with torch.autocast("cpu", torch.bfloat16):
        outputs = play(net.start(3), frames(3), {0: prompt(7, 3)})
    assert all(o.mask_logits.dtype == torch.float32 for o in outputs)
    assert all(torch.isfinite(o.mask_logits).all() for o in outputs)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_frames_may_be_on_another_device_than_the_network(net):
    net = net.cuda()
    for shown in (frames(3), frames(3).cuda()):
        outputs = play(net.start(3), shown, {0: prompt(7, 3)})
        assert all(torch.isfinite(o.mask_logits).all() for o in outputs)


@pytest.mark.parametrize("name", TRAINED)
def test_weights_go_out_and_come_back(name, tmp_path):
    """As a run's checkpoint has them, and under the names of the original release."""
    net = smallest(name)
    expected = play(net.start(2), frames(2), {0: prompt(7)})
    for exported in (net.state_dict(), net.official_state_dict()):
        torch.save(exported, tmp_path / "weights.pt")
        other = smallest(name)
        with torch.no_grad():
            for parameter in other.parameters():
                parameter.add_(1)
        if exported.keys() == other.state_dict().keys():
            other.load_state_dict(exported)
        else:
            load_official(tmp_path / "weights.pt", other)
        assert_same(expected, play(other.start(2), frames(2), {0: prompt(7)}))


def test_parts_hold_every_parameter(net):
    held = [prefix for prefixes in net.parts().values() for prefix in prefixes]
    for parameter, _ in net.named_parameters():
        assert any(parameter == p or parameter.startswith(f"{p}.") for p in held), parameter


def said(output):
    """Logits of a clip's objects by frame, `[O, M, H, W]`; of the first decoding of each."""
    if isinstance(output, CandidateClip):
        return {t: frame[0].mask_logits for t, frame in enumerate(output.decodings)}
    return {t: logits[:, None] for t, logits in output.mask_logits.items()}


@pytest.mark.parametrize("name", TRAINED)
def test_streaming_is_the_clip(name):
    """The first frame that is predicted: in training and streaming it reads one frame of memory."""
    net = smallest(name)
    first = torch.ones(SIDE, SIDE, dtype=torch.bool) if name in COARSE else box(0)
    masks = torch.stack([first, box(0, shift=1)])[:, None]
    shown, masks = at_network_size(net, frames(2), masks)
    batch = VideoBatch(shown[None], masks[None], [1], [[7]], ["clip"], torch.arange(2)[None])

    def both(net):
        output = play(net.start(2), shown, {0: MaskPrompt([7], masks[0])})[1]
        if output.has_opinion is not None and not output.has_opinion.any():
            pytest.skip(f"{name} sees nothing in this clip without its weights")
        clip = said(net.forward_clip(batch))[1][0, :1]
        # The network's own resolution, brought to the clip's as training does.
        streamed = functional.interpolate(output.mask_logits[None], clip.shape[1:], mode="bilinear")
        return [clip, streamed[0]]

    with torch.inference_mode():
        clip, streamed = both(net)
        tolerance = FACTOR * noise_floor(net, both)
    if name in COARSE:
        tolerance = torch.finfo(torch.bfloat16).eps * clip.std()
    assert (clip - streamed).abs().max() <= tolerance < 1e-2 * clip.std()


@pytest.mark.parametrize("name", TRAINED)
def test_training_reaches_the_weights(name):
    net = smallest(name).train()
    masks = torch.stack([torch.stack([box(0, shift=t), box(1, shift=t)]) for t in range(3)])
    shown, masks = at_network_size(net, frames(3), masks)
    batch = VideoBatch(shown[None], masks[None], [2], [[7, 3]], ["clip"], torch.arange(3)[None])
    if name == "Tmo":  # one foreground
        batch.masks = masks[None].any(2, keepdim=True)
        batch.num_objects, batch.object_ids = [1], [[1]]
    output = net.forward_clip(batch)
    assert isinstance(output, net.clip_output)
    assert {1, 2} <= said(output).keys() <= {0, 1, 2}
    sum(logits.float().sum() for logits in said(output).values()).backward()
    grads = [p.grad for p in net.parameters() if p.requires_grad and p.grad is not None]
    assert grads
    assert all(torch.isfinite(grad).all() for grad in grads)

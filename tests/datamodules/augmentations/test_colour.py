import pytest
import torch
import torchvision.transforms.functional as reference

from datamodules.augmentations.colour import (
    Blend,
    ColourConfig,
    ColourDraw,
    ColourStep,
    Jitter,
    draw_colours,
    recolour,
)

LUMA = 2 * (0.299 - 0.2989)
"""torchvision's luma has 0.2989 of red, ours 0.299; steps go on from there."""
HUE = 2e-3
"""kornia keeps hues away from zero divisors by 1e-6, which dark gray pixels show."""
BY_BLEND = {
    Blend.BLACK: reference.adjust_brightness,
    Blend.MEAN_LUMA: reference.adjust_contrast,
    Blend.LUMA: reference.adjust_saturation,
}


def some_frames(count=4, low=0, high=256):
    return torch.randint(low, high, (count, 3, 24, 32)).float()


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def recoloured(frames, *steps, hue=0.0):
    return recolour(frames.clone(), [ColourDraw(tuple(steps), hue)] * len(frames))


@pytest.mark.parametrize("blend", list(Blend))
@pytest.mark.parametrize("factor", [0.0, 0.7, 0.95, 1.0, 1.05, 1.6])
def test_one_step_is_torchvisions(blend, factor):
    frames = some_frames()
    ours = recoloured(frames, ColourStep(blend, factor))
    torch.testing.assert_close(ours, BY_BLEND[blend](frames / 255, factor), atol=LUMA, rtol=0)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (1, 0, 1, 2, 2, 0, 1)])
def test_a_chain_is_torchvisions_while_nothing_saturates(order):
    frames = some_frames(low=90, high=170)
    steps = [ColourStep(Blend(b), 0.9 + 0.06 * i) for i, b in enumerate(order)]
    wanted = frames / 255
    for step in steps:
        wanted = BY_BLEND[step.blend](wanted, step.factor)
    assert wanted.max() < 1
    torch.testing.assert_close(recoloured(frames, *steps), wanted, atol=len(order) * LUMA, rtol=0)


def test_a_saturating_chain_is_clipped_once():
    white = torch.full((1, 3, 4, 4), 250.0)
    up, down = ColourStep(Blend.BLACK, 1.25), ColourStep(Blend.BLACK, 0.8)
    torch.testing.assert_close(recoloured(white, up, down), white / 255)
    assert recoloured(white, up).max() == 1


def test_grayscale_is_torchvisions():
    frames = some_frames()
    ours = recoloured(frames, ColourStep(Blend.LUMA, 0.0))
    wanted = reference.rgb_to_grayscale(frames / 255, num_output_channels=3)
    torch.testing.assert_close(ours, wanted, atol=LUMA, rtol=0)


@pytest.mark.parametrize("hue", [-0.5, -0.1, 0.02, 0.3])
def test_hue_is_torchvisions(hue):
    frames = some_frames()
    wanted = reference.adjust_hue(frames / 255, hue)
    torch.testing.assert_close(recoloured(frames, hue=hue), wanted, atol=HUE, rtol=0)


def test_each_frame_gets_its_own_draw():
    frames = some_frames(3)
    draws = [
        ColourDraw((), 0.0),
        ColourDraw((ColourStep(Blend.BLACK, 0.5),), 0.0),
        ColourDraw((ColourStep(Blend.LUMA, 0.0),), 0.0),
    ]
    ours = recolour(frames.clone(), draws)
    torch.testing.assert_close(ours[0], frames[0] / 255)
    torch.testing.assert_close(ours[1], frames[1] / 510)
    torch.testing.assert_close(ours[2, 0], ours[2, 1])


def test_no_steps_only_scale():
    frames = some_frames()
    torch.testing.assert_close(recoloured(frames), frames / 255)


def test_clip_draws_are_shared_and_frame_draws_are_not():
    shared = draw_colours(ColourConfig(frame=Jitter()), 5, generator())
    assert len(set(shared)) == 1
    assert len(shared[0].steps) == 3
    single = draw_colours(ColourConfig(clip=Jitter()), 5, generator())
    assert len(set(single)) == 5


def test_clip_steps_come_first_then_gray_then_frame_steps():
    config = ColourConfig(clip_grayscale=1.0)
    steps = draw_colours(config, 2, generator())[1].steps
    assert len(steps) == 7
    assert steps[3] == ColourStep(Blend.LUMA, 0.0)
    for part in (steps[:3], steps[4:]):
        assert {step.blend for step in part} == set(Blend)


def test_draws_cover_their_ranges_and_orders():
    config = ColourConfig(clip=Jitter(brightness=0.1, contrast=0.03, saturation=0.03, hue=0.1))
    draws = [draw_colours(config, 1, generator(seed))[0] for seed in range(1500)]
    limits = {Blend.BLACK: 0.1, Blend.MEAN_LUMA: 0.03, Blend.LUMA: 0.03}
    clip_steps = [draw.steps[:3] for draw in draws]
    for blend, limit in limits.items():
        factors = [step.factor for steps in clip_steps for step in steps if step.blend == blend]
        assert 1 - limit <= min(factors) < 1 - 0.98 * limit
        assert 1 + limit >= max(factors) > 1 + 0.98 * limit
    orders = {tuple(step.blend for step in steps) for steps in clip_steps}
    assert len(orders) == 6
    assert 0.09 < max(draw.hue for draw in draws) <= 0.1
    assert -0.1 <= min(draw.hue for draw in draws) < -0.09


def test_shares_are_kept():
    config = ColourConfig(
        clip=Jitter(), clip_grayscale=0.0, frame_grayscale=0.3, frame=Jitter(0.5, brightness=0.1)
    )
    draws = draw_colours(config, 4000, generator())
    gray = sum(ColourStep(Blend.LUMA, 0.0) in draw.steps for draw in draws)
    jittered = sum(any(step.blend == Blend.BLACK for step in draw.steps) for draw in draws)
    assert 0.27 < gray / 4000 < 0.33
    assert 0.47 < jittered / 4000 < 0.53


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Jitter(brightness=1.5), "jitter.brightness must be in 0..1, got 1.5"),
        (lambda: Jitter(share=-0.1), "jitter.share must be in 0..1, got -0.1"),
        (lambda: Jitter(hue=0.6), "jitter.hue must be in 0..0.5, got 0.6"),
        (lambda: ColourConfig(clip_grayscale=2), "colour.clip_grayscale must be in 0..1, got 2"),
        (lambda: ColourConfig(frame_grayscale=2), "colour.frame_grayscale must be in 0..1, got 2"),
    ],
)
def test_refuses_impossible_numbers(make, message):
    with pytest.raises(ValueError, match=message):
        make()

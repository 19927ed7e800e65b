"""Conditional mask fusion against the published script and the report's text, exactly."""

import json

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from pvuw.errors import PvuwError
from pvuw.nets.referdino.conditional import PRESETS, ConditionalMaskFusion, fusion_of
from pvuw.nets.referdino.plus import PromptChoice
from tests.helpers.golden import SHARED

FOLDER = SHARED / "mevis" / "cmf_vote"


def cases():
    if not FOLDER.is_dir():
        skip = pytest.mark.skip(reason="no golden cases (../shared/golden/mevis/cmf_vote)")
        return [pytest.param("none", marks=skip)]
    names = json.loads((FOLDER / "meta.json").read_text())["expressions"]
    return [pytest.param(name, marks=pytest.mark.golden) for name in names if name != "vote"]


@pytest.fixture(scope="module")
def arrays():
    with np.load(FOLDER / "inputs.npz") as inputs, np.load(FOLDER / "expected.npz") as expected:
        return dict(inputs), dict(expected)


@pytest.mark.parametrize("case", cases())
def test_cases_are_as_published(case, arrays):
    inputs, expected = (
        {n.partition("/")[2]: a for n, a in part.items() if n.startswith(f"{case}/")}
        for part in arrays
    )
    frames = PromptChoice().best_frames(torch.from_numpy(inputs["scores"]))
    assert list(frames) == expected["kept_queries"].tolist()
    assert list(frames.values()) == expected["prompt_frames"].tolist()
    logits = torch.from_numpy(inputs["mask_logits"])
    size_hw = inputs["sam2_masks"].shape[-2:]
    masks = F.interpolate(logits, size_hw, mode="bilinear")[:, list(frames)] > 0
    prompts = [masks[frame, place] for place, frame in enumerate(frames.values())]
    assert [mask.int().tolist() for mask in prompts] == expected["prompt_masks"].tolist()
    found = masks.any(1)
    tracked = torch.from_numpy(inputs["sam2_masks"]).bool().any(1)
    for name, areas in (("pixel", PRESETS["report"].areas), ("bbox", PRESETS["upstream"].areas)):
        assert areas(found) == expected[f"{name}_area_stage1"].tolist()
        assert areas(tracked) == expected[f"{name}_area_sam2"].tolist()
    for preset, fusion in PRESETS.items():
        joined = fusion.joined(fusion.areas(tracked), fusion.areas(found))
        fused = tracked | (found & torch.tensor(joined)[:, None, None])
        assert fused.int().tolist() == expected[f"fused_{preset}"].tolist(), preset
        if preset == "report":
            assert joined == expected["report_union_frame"].astype(bool).tolist()
        else:
            assert joined == [bool(expected["upstream_union_video"])] * len(joined)


def test_exactly_two_thirds_is_not_too_small():
    for third in (1, 7, 333, 123_457, 2_000_003):
        assert ConditionalMaskFusion().joined([2 * third, 2 * third - 1], [3 * third] * 2) == [
            False,
            True,
        ]


def test_the_printed_equation_would_lose_what_was_lost():
    """With its branches swapped what is lost stays lost."""
    fusion = fusion_of("report")
    assert fusion.joined([100, 40], [100, 100]) == [False, True]


def test_a_box_of_one_row_has_no_area_as_published():
    mask = torch.zeros(1, 5, 6, dtype=torch.bool)
    mask[0, 2, 1:5] = True
    assert ConditionalMaskFusion(area="box").areas(mask) == [0]
    mask[0, 4, 0] = True
    assert ConditionalMaskFusion(area="box").areas(mask) == [8]
    assert ConditionalMaskFusion().areas(mask) == [5]


def test_what_is_no_rule_is_refused():
    with pytest.raises(ValueError, match=r"fusion\.ratio must be above 0"):
        ConditionalMaskFusion(ratio=1.5)
    with pytest.raises(PvuwError, match="fusion must be one of report, upstream"):
        fusion_of("equation")

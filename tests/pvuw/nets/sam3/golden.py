"""The golden cases of SAM 3's tracker, and a session of ours over the same videos."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from pvuw.nets.sam3.build import build_tracker
from pvuw.nets.sam3.config import TrackerConfig, TrunkConfig
from pvuw.nets.sam3.keys import release_name
from pvuw.nets.sam3.selection import MemorySelection
from pvuw.nets.sam3.session import Sam3Session
from pvuw.types import MaskPrompt
from tests.helpers.golden import cases, take

MODEL = "sam3_tracker"
UPSTREAM = MemorySelection(scope="video")


def config_of(folder):
    """The size that a folder's weights have."""
    trunk = folder.meta["trunk"]
    return TrackerConfig(
        trunk=TrunkConfig(
            width=trunk["embed_dim"],
            depth=trunk["depth"],
            heads=trunk["num_heads"],
            hidden=int(trunk["embed_dim"] * trunk["mlp_ratio"]),
            window=trunk["window"],
            tile=trunk["pretrain_img_size"] // folder.meta["patch"],
            global_blocks=tuple(trunk["global_att_blocks"]),
        ),
        image_size=folder.meta["image_size"],
    )


def tracker_of(folder):
    """Our network with a folder's weights, by the rule over upstream's names."""
    model = build_tracker(config_of(folder)).eval()
    weights = folder.weights()
    model.load_state_dict({name: weights[release_name(name)] for name in model.state_dict()})
    return model


def case_of(name):
    """The longest case of a name; the test is skipped without one."""
    found = [c.values[0] for c in cases(MODEL) if c.values[0].name == name]
    if not found:
        pytest.skip(f"no golden case {name}: PVUW_GOLDEN names no folder that has one")
    return max(found, key=lambda case: len(case.meta["frame_index"]))


@dataclass
class Run:
    """A case's video and prompts."""

    case: object

    @property
    def prompts(self):
        """Per frame the masks given on it."""
        name, inputs = self.case.name, self.case.folder.inputs
        given = {}
        for k, told in enumerate(self.case.meta["prompts"]):
            mask = unpacked(inputs[f"{name}/prompt/{k}"], told["shape"][-1])
            given.setdefault(told["frame"], []).append((told["id"], mask))
        return {
            t: MaskPrompt([i for i, _ in rows], torch.stack([mask for _, mask in rows]))
            for t, rows in given.items()
        }

    def outputs(self, model, *, count=None, session=None):
        """What a session says of the first `count` frames; prompts ahead are told beforehand."""
        frames, prompts = self.case.frames, self.prompts
        selection = UPSTREAM if self.case.meta["memory_selection"] else None
        length = self.case.meta.get("num_frames", len(frames))
        session = session or Sam3Session(model, length, selection=selection)
        found = [session.step(frames[0], prompts[0])]
        for t in sorted(prompts):
            if t:
                session.foresee(t, frames[t], prompts[t])
        found += [session.step(frames[t], prompts.get(t)) for t in range(1, count or len(frames))]
        return found

    def difference(self, outputs):
        """Largest difference of logits and scores on frames that were tracked."""
        case = self.case
        low = torch.from_numpy(case.folder.expected[f"{case.name}/low_sub"])
        scores = torch.from_numpy(case.folder.expected[f"{case.name}/score"])
        tracked = [t for t in range(len(outputs)) if t not in self.prompts]
        part = "[:, " + case.folder.meta["low_res_subsample"].lstrip("[")
        logits = max(
            (take(outputs[t].mask_logits, part) - low[t]).abs().max().item() for t in tracked
        )
        score = max((outputs[t].presence_logits - scores[t]).abs().max().item() for t in tracked)
        return logits, score


def unpacked(packed, width):
    return torch.from_numpy(np.unpackbits(packed, axis=-1)[..., :width].astype(bool))

"""What tests of networks with competing objects share: spying on parts, replaying golden cases."""

import torch

from pvuw.ops.id_maps import logits_to_id_map
from pvuw.types import MaskPrompt

TIE = 2e-4
"""Probabilities this near may change places from one machine to the next."""


def probabilities(mask_logits):
    """Background and objects, `[1 + N, H, W]`, from log-odds against background."""
    return torch.cat([torch.zeros_like(mask_logits[:1]), mask_logits]).softmax(dim=0)


def prompt_at(case, t):
    """The prompt of a frame, its objects in the original's channel order."""
    id_map = case.masks.get(t)
    if id_map is None:
        return None
    return MaskPrompt.from_id_map(
        id_map, [i for i in case.meta["channel_ids"] if (id_map == i).any()]
    )


class Spy:
    """Results of a network's modules, as they came in one step.

    Args:
        net: The network.
        parts: Name of a module by the name it is recorded under.
    """

    def __init__(self, net, parts):
        self.seen = {name: [] for name in parts}
        self.inputs = {name: [] for name in parts}
        self.handles = [
            net.get_submodule(module).register_forward_hook(self._recorder(name))
            for name, module in parts.items()
        ]

    def _recorder(self, name):
        def record(module, args, result):
            self.seen[name].append(result)
            self.inputs[name].append(args)

        return record

    def clear(self):
        for kept in (*self.seen.values(), *self.inputs.values()):
            kept.clear()

    def remove(self):
        for handle in self.handles:
            handle.remove()


def replay(case, session, on_frame):
    """Run a case; `on_frame(t)` after each step.

    Returns:
        Probabilities of each frame, and the share of pixels whose id is not the original's.
    """
    ids = case.expected("ids")[""]
    probs, mismatch = [], 0.0
    for t, frame in enumerate(case.frames):
        last = t == case.meta["end_flag_frame"]
        output = session.step(frame, prompt_at(case, t), last=last)
        probs.append(probabilities(output.mask_logits))
        differs = logits_to_id_map(output.mask_logits, output.object_ids) != ids[t]
        mismatch = max(mismatch, differs.float().mean().item())
        if differs.any():
            best = probs[-1].topk(2, dim=0).values
            assert (best[0] - best[1])[differs].max() < TIE, f"frame {t}: ids differ without a tie"
        on_frame(t)
    return probs, mismatch


def distance(own, expected):
    """Largest difference as a share of the expected tensor's own deviation."""
    assert own.shape == expected.shape, (own.shape, expected.shape)
    spread = expected.float().std().item() if expected.numel() > 1 else 1.0
    return (own.float() - expected.float()).abs().max().item() / (spread or 1.0)

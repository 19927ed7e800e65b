"""TMO on one video of several objects: ids are carried along by the flow."""

import torch
from torch import Tensor

from pvuw.nets.base import VideoSession
from pvuw.nets.prompting import masks_by_id
from pvuw.nets.tmo.identities import Identified, IdentityConfig, carry_ids
from pvuw.nets.tmo.stream import ForegroundStream, module_device
from pvuw.types import FrameOutput, Prompt

_GIVEN = 10.0
"""Log-odds of masks that were given."""


class TmoSession(VideoSession):
    """Objects as the last frame's masks, moved along the flow and cut to the foreground.

    An object that is not part of the foreground keeps moving with the flow, so that it is found
    again when it stands out again; until then the session has no opinion on it
    (`FrameOutput.has_opinion`), its logits are 0 and its mask in an id map is empty. One that left
    the frame does not come back.

    Args:
        stream: The video's foreground.
        config: When a foreground counts as an object's.
    """

    def __init__(self, stream: ForegroundStream, config: IdentityConfig) -> None:
        self._stream = stream
        self._config = config
        self._ids: list[int] = []
        self._masks: Tensor | None = None  # bool [N, H, W]

    @property
    def object_ids(self) -> list[int]:
        """File ids of the objects tracked so far, in slot order."""
        return list(self._ids)

    @torch.inference_mode()
    def step(
        self,
        frame: Tensor,
        prompt: Prompt | None = None,
        *,
        last: bool = False,
        next_frame: Tensor | None = None,
    ) -> FrameOutput:
        """Advance by one frame; prompted masks come out as given, with log-odds of -10 and 10."""
        del last  # no next frame says so already
        device = module_device(self._stream.network)
        following = None if next_frame is None else next_frame.to(device)
        self._stream.advance(frame.to(device), following)
        found = self._follow(frame.shape[-2:], device)
        if masks := masks_by_id(prompt, frame):
            found = self._take_in(masks, found)
        return FrameOutput(
            self.object_ids,
            found.mask_logits,
            objects_compete=True,
            has_opinion=found.has_opinion,
        )

    def remove_object(self, object_id: int) -> None:
        """Forget an object; see `VideoSession.remove_object`."""
        if object_id not in self._ids:
            raise KeyError(object_id)
        slot = self._ids.index(object_id)
        del self._ids[slot]
        assert self._masks is not None
        self._masks = torch.cat([self._masks[:slot], self._masks[slot + 1 :]])

    def _follow(self, size_hw: torch.Size, device: torch.device) -> Identified:
        """Objects known before this frame."""
        if self._masks is None or not self._ids:
            self._masks = torch.zeros(0, *size_hw, dtype=torch.bool, device=device)
            nobody = torch.zeros(0, dtype=torch.bool, device=device)
            return Identified(self._masks.float(), nobody)
        expected = self._stream.move(self._masks)
        found = carry_ids(self._stream.logits(), expected, self._config)
        visible = found.mask_logits > 0
        self._masks = torch.where(found.has_opinion[:, None, None], visible, expected)
        return found

    def _take_in(self, prompted: dict[int, Tensor], found: Identified) -> Identified:
        """The objects with prompted masks in place of what was found there."""
        assert self._masks is not None
        given = torch.stack([*prompted.values()]).to(self._masks.device)
        taken = given.any(dim=0)
        logits = torch.where(taken & found.has_opinion[:, None, None], -_GIVEN, found.mask_logits)
        masks, seen = self._masks & ~taken, found.has_opinion
        fresh = [i for i in prompted if i not in self._ids]
        self._ids += fresh
        logits = torch.cat([logits, logits.new_zeros(len(fresh), *taken.shape)])
        masks = torch.cat([masks, masks.new_zeros(len(fresh), *taken.shape)])
        seen = torch.cat([seen, seen.new_zeros(len(fresh))])
        slots = [self._ids.index(i) for i in prompted]
        logits[slots] = torch.where(given, _GIVEN, -_GIVEN)
        masks[slots], seen[slots] = given, True
        self._masks = masks
        return Identified(logits, seen)

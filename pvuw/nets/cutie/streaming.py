"""What a video session of Cutie and one of LiVOS have in common: slots, sizes, state of objects."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pvuw.nets.base import VideoSession
from pvuw.nets.cutie.network import FrameFeatures, ObjectMemoryNet
from pvuw.nets.matching.framing import Framing, SizePolicy
from pvuw.nets.matching.slots import ObjectSlots, without_slot
from pvuw.nets.prompting import check_frame, masks_by_id
from pvuw.types import FrameOutput, Prompt


@dataclass
class ObjectState:
    """What a session knows of each of its `N` objects besides pixel memory."""

    sensory: Tensor
    """Recurrent state, float32 `[N, C, h, w]`."""
    summaries: Tensor
    """Object memory, sums over all memory frames, float32 `[N, Q, C + 1]`."""
    masks: Tensor
    """Probabilities on the latest frame, float32 `[N, H, W]`."""

    def take(self, slots: Sequence[int]) -> "ObjectState":
        """The state of some of the objects."""
        at = list(slots)
        return ObjectState(self.sensory[at], self.summaries[at], self.masks[at])


class ObjectMemorySession(VideoSession):
    """Streams a video through a network whose objects compete.

    Args:
        net: The network, in evaluation mode, on the device to run on.
        frame_size: At which size frames enter; masks come out at that size.
        scale: Multiplies that size.
    """

    def __init__(self, net: ObjectMemoryNet, frame_size: SizePolicy, *, scale: float = 1.0) -> None:
        if net.training:
            raise RuntimeError("the network is in training mode; call .eval() before start()")
        self._net = net
        # Both networks pad before they normalise, so no other padding would be right.
        self._frame_size = replace(frame_size, padding="black")
        self._scale = scale
        self._framing: Framing | None = None
        self._slots = ObjectSlots()
        self._state: ObjectState | None = None

    @property
    def object_ids(self) -> list[int]:
        """File ids of the objects tracked so far, in slot order."""
        return self._slots.ids

    def step(
        self,
        frame: Tensor,
        prompt: Prompt | None = None,
        *,
        last: bool = False,
        next_frame: Tensor | None = None,
    ) -> FrameOutput:
        """Advance by one frame; see `VideoSession.step`.

        Where masks are given they hold, and objects that were not given yield to them.

        Raises:
            ValueError: If the frame or the prompt has the wrong shape or type, or frames differ in
                size.
        """
        del next_frame  # these networks look back only
        framing = self._framing_of(frame)
        prompted = {} if prompt is None else masks_by_id(prompt, frame)
        device = self._net.pix_feat_proj.weight.device
        with torch.inference_mode():
            known = len(self._slots)
            if not known and not prompted:
                return FrameOutput(
                    [], torch.zeros(0, *framing.inner_hw, device=device), objects_compete=True
                )
            features = self._net.encode_images(framing.image(frame.to(device)))
            if not known:
                self._begin()
            slots = self._slots.add(prompted)
            masks = [framing.mask(mask.to(device)) for mask in prompted.values()]
            given = dict(zip(slots, masks, strict=True))
            logits = self._advance(features, given, known=known, last=last)
            return FrameOutput(self.object_ids, framing.crop(logits), objects_compete=True)

    def remove_object(self, object_id: int) -> None:
        """Forget an object; see `VideoSession.remove_object`."""
        count = len(self._slots)
        slot = self._slots.remove(object_id)
        if self._state is not None:
            self._state = self._state.take(without_slot(count, slot))
        self._forget(object_id)

    @abstractmethod
    def _begin(self) -> None:
        """Start afresh: no object is known, and the frame at hand brings the first."""

    @abstractmethod
    def _forget(self, object_id: int) -> None:
        """Take an object out of pixel memory; its slot and state are gone already."""

    @abstractmethod
    def _advance(
        self, features: FrameFeatures, given: Mapping[int, Tensor], *, known: int, last: bool
    ) -> Tensor:
        """Log-odds of all objects against background, float32 `[N, H, W]` with padding.

        Args:
            features: The frame.
            given: Mask of each prompted slot, float `[H, W]` of 0 and 1.
            known: Objects tracked before this frame; they have the first slots.
            last: No frame follows.
        """

    def _update_state(self, masks: Tensor) -> ObjectState:
        """The state with the latest masks `[N, H, W]`, and blank rows for objects that are new."""
        count, height, width = masks.shape
        old = self._state
        missing = count - (0 if old is None else len(old.masks))
        widths = self._net.widths
        sensory = masks.new_zeros(missing, widths.dim, height // 16, width // 16)
        summaries = masks.new_zeros(missing, widths.num_queries, widths.dim + 1)
        if old is not None and missing:
            sensory = torch.cat([old.sensory, sensory])
            summaries = torch.cat([old.summaries, summaries])
        elif old is not None:
            sensory, summaries = old.sensory, old.summaries
        self._state = ObjectState(sensory, summaries, masks)
        return self._state

    def _framing_of(self, frame: Tensor) -> Framing:
        check_frame(frame)
        if self._framing is None:
            size_hw = (frame.shape[-2], frame.shape[-1])
            self._framing = Framing(size_hw, self._frame_size, scale=self._scale)
        return self._framing.check(frame)

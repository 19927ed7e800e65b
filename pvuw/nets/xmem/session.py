"""XMem on one video, frame by frame."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from pvuw.nets.base import VideoSession
from pvuw.nets.matching.competing import aggregate, insert_masks, log_odds
from pvuw.nets.matching.framing import Framing, SizePolicy
from pvuw.nets.matching.slots import ObjectSlots, without_slot
from pvuw.nets.prompting import check_frame, masks_by_id
from pvuw.nets.xmem.config import XMemConfig
from pvuw.nets.xmem.memory import XMemMemory
from pvuw.types import FrameOutput, Prompt

if TYPE_CHECKING:
    from pvuw.nets.xmem.net import EncodedImages, XMem


class XMemSession(VideoSession):
    """Streams a video through XMem with the results of the published `InferenceCore`.

    Frames before the first prompt leave no trace. A prompted frame becomes a memory frame. Masks
    given there hold, and objects not named are predicted and yield where a given mask lies.

    With long-term memory what is kept is constant; see `XMemConfig` for running without.

    Args:
        net: The network, on the device to run on.
        config: What is kept in memory.
        size: At which size frames enter.
        scale: Multiplies that size.
    """

    def __init__(
        self, net: "XMem", config: XMemConfig, size: SizePolicy, *, scale: float = 1.0
    ) -> None:
        self._net = net
        self._config = config
        self._size = size
        self._scale = scale
        self._slots = ObjectSlots()
        self._framing: Framing | None = None
        self._sensory: Tensor | None = None
        self._forget_everything()

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

        Raises:
            ValueError: If the frame or the prompt has the wrong shape or type, or the frame another
                size than those before.
        """
        del next_frame  # XMem looks back only
        check_frame(frame)
        masks = masks_by_id(prompt, frame)
        framing = self._framing_of(frame)
        num_known = len(self._slots)
        given = dict(zip(self._slots.add(masks), masks.values(), strict=True))
        if not len(self._slots):
            return FrameOutput(
                [], torch.zeros(0, *framing.inner_hw, device=self._device), objects_compete=True
            )
        with torch.inference_mode():
            image = framing.image(frame.to(self._device))
            padded = {s: framing.mask(m.to(self._device)) for s, m in given.items()}
            logits = self._advance(image, padded, num_known=num_known, last=last)
            return FrameOutput(
                self.object_ids, framing.crop(log_odds(logits)), objects_compete=True
            )

    def remove_object(self, object_id: int) -> None:
        """Forget an object; see `VideoSession.remove_object`."""
        slot = self._slots.remove(object_id)
        if not len(self._slots):
            self._forget_everything()
            return
        self.memory.remove(slot)
        if self._sensory is not None:
            self._sensory = self._sensory[:, without_slot(self._sensory.shape[1], slot)]

    @property
    def _device(self) -> torch.device:
        return next(self._net.parameters()).device

    def _forget_everything(self) -> None:
        self.memory = XMemMemory(self._config)
        self._sensory = None
        self._since_memory = 0
        self._since_deep = self._config.deep_update_every or 0  # the first one is due

    def _framing_of(self, frame: Tensor) -> Framing:
        if self._framing is None:
            size_hw = (frame.shape[-2], frame.shape[-1])
            self._framing = Framing(size_hw, self._size, scale=self._scale)
        return self._framing.check(frame)

    def _advance(
        self, image: Tensor, given: dict[int, Tensor], *, num_known: int, last: bool
    ) -> Tensor:
        """Logits over background and objects of a frame, `[1 + N, h, w]`; memory follows."""
        config = self._config
        self._since_memory += 1
        self._since_deep += 1
        due = bool(given) or self._since_memory >= config.mem_every
        remember = due and not last
        deep_every = config.deep_update_every
        deep = remember if deep_every is None else self._since_deep >= deep_every and not last
        renew = not last and not (deep and deep_every is None)
        encoded = self._net.encode_images(image)
        logits = None
        if num_known and len(given) < len(self._slots):
            logits = self._segment(encoded, renew=renew)
        if given:
            predicted = None if logits is None else logits.softmax(0)[1:]
            count = len(self._slots)
            logits = aggregate(insert_masks(predicted, given, num_objects=count))
            self._extend_sensory(encoded.features.f16, count)
        assert logits is not None
        if remember:
            self._remember(image, encoded, logits, deep=deep)
        return logits

    def _segment(self, encoded: "EncodedImages", *, renew: bool) -> Tensor:
        readout = self.memory.read(encoded.key, encoded.selection)
        logits, self._sensory = self._net.segment(
            encoded.features, readout[None], self._sensory, renew=renew
        )
        return logits[0]

    def _remember(
        self, image: Tensor, encoded: "EncodedImages", logits: Tensor, *, deep: bool
    ) -> None:
        probs = logits.softmax(0)[None, 1:]
        value = self._net.encode_values(image, encoded.features.f16, probs)
        self.memory.add(encoded.key, encoded.shrinkage, encoded.selection, value[0])
        self._since_memory = 0
        if deep:
            self._sensory = self._net.reinforce(value, self._sensory)
            self._since_deep = 0

    def _extend_sensory(self, f16: Tensor, num_objects: int) -> None:
        """Give new objects an empty sensory memory."""
        have = 0 if self._sensory is None else self._sensory.shape[1]
        fresh = self._net.initial_sensory(f16, num_objects - have)
        if fresh is not None and self._sensory is not None:
            fresh = torch.cat([self._sensory, fresh], dim=1)
        self._sensory = fresh

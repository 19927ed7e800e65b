"""SAM 2 on one video, frame by frame."""

from dataclasses import replace

import torch
from sam2.modeling.sam2_base import SAM2Base
from torch import Tensor

from pvuw.nets.base import VideoSession
from pvuw.nets.prompting import check_frame, masks_by_id
from pvuw.nets.sam2.decoding import DecodedMasks, MaskDecoding
from pvuw.nets.sam2.features import FrameEncoder, FrameFeatures, HieraEncoder, resize_masks
from pvuw.nets.sam2.fusion import MemoryFusion
from pvuw.nets.sam2.groups import ObjectGroup
from pvuw.nets.sam2.memory import MemoryBank
from pvuw.nets.sam2.memory_policy import (
    FrameRecord,
    MemoryPolicy,
    ObjectMemory,
    frame_records,
)
from pvuw.types import FrameOutput, Prompt


class Sam2Session(VideoSession):
    """Streams a video through SAM 2 with the results of upstream's `SAM2VideoPredictor`.

    Bit for bit with `batch_size=1`, otherwise within float rounding
    (tests/pvuw/nets/sam2/test_parity.py); with a memory policy or non-overlapping memory masks are
    others. Objects do not influence each other's masks, except through non-overlapping memory. Each
    is segmented from the frame on that it is first prompted on, from the past alone. On a frame
    where an object is prompted its output is the given mask: logits of -10 and 10, softened at the
    edge.

    Objects prompted on the same frames share a batch, with a memory policy while they also remember
    the same frames. Memory grows with the number of prompted frames per object, all of which stay
    in use as upstream has it, and not with the frames seen.

    Args:
        model: The network, in evaluation mode and on the device to run on.
        num_frames: Length of the video where known. It matters below 16 frames only: upstream
            scales the time of object pointers by it, and masks differ slightly without it.
        batch_size: Most objects run in one batch; 1 is object by object, with the least memory.
        memory_policy: Which frames to remember; default: the prompted and the last, as upstream.
        non_overlap_memory: See `Sam2`.
    """

    def __init__(
        self,
        model: SAM2Base,
        num_frames: int | None = None,
        *,
        batch_size: int = 16,
        memory_policy: MemoryPolicy | None = None,
        non_overlap_memory: bool = False,
    ) -> None:
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, got {batch_size}")
        self.model = model
        self.num_frames = num_frames
        self.batch_size = batch_size
        self.memory_policy = memory_policy
        self.non_overlap_memory = non_overlap_memory
        self._encoder = self._new_encoder()
        self._decoding = MaskDecoding(model)
        self._fusion = MemoryFusion(model, num_frames=num_frames)
        self._object_ids: list[int] = []
        self._groups: list[ObjectGroup] = []
        self._frames_seen = 0

    @property
    def object_ids(self) -> list[int]:
        """File ids of the objects tracked so far, in slot order."""
        return list(self._object_ids)

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
            ValueError: If the frame or the prompt has the wrong shape or type, or the video is
                longer than was said.
        """
        del next_frame  # SAM 2 looks back only
        check_frame(frame)
        frame_idx = self._frames_seen
        if self.num_frames is not None and frame_idx >= self.num_frames:
            raise ValueError(f"the session was started for {self.num_frames} frames, got one more")
        side = self.model.image_size
        prompted = masks_by_id(prompt, frame, resized=frame.shape[1:] == (side, side))
        self._frames_seen += 1
        with torch.inference_mode():
            self._regroup(list(prompted))
            if not self._groups:
                return self._no_objects()
            features = self._encoder.encode(frame)
            decoded = [
                self._decode(group, features, prompted, frame_idx=frame_idx)
                for group in self._groups
            ]
            output = self._in_slot_order(decoded)
            if not last:
                self._remember(features, decoded, prompted, frame_idx=frame_idx)
            return output

    def remove_object(self, object_id: int) -> None:
        """Forget an object; see `VideoSession.remove_object`."""
        if object_id not in self._object_ids:
            raise KeyError(f"object {object_id} is not tracked, only {self._object_ids}")
        self._object_ids.remove(object_id)
        self._groups = [
            group.take(kept)
            for group in self._groups
            if (kept := [i for i in group.object_ids if i != object_id])
        ]

    def _regroup(self, prompted: list[int]) -> None:
        """Part prompted objects from their groups, and group those that are new."""
        groups = []
        for group in self._groups:
            given = [i for i in group.object_ids if i in prompted]
            rest = [i for i in group.object_ids if i not in prompted]
            groups += [group.take(ids) for ids in (given, rest) if ids]
        fresh = [i for i in prompted if i not in self._object_ids]
        for start in range(0, len(fresh), self.batch_size):
            groups.append(self._new_group(fresh[start : start + self.batch_size]))
        self._groups = groups
        self._object_ids += fresh

    def _new_group(self, object_ids: list[int]) -> ObjectGroup:
        bank = self._fusion.new_bank()
        followed = [self._follow(bank) for _ in object_ids]
        return ObjectGroup(object_ids, bank, [memory for memory in followed if memory])

    # What another network of this kind does in its own way.

    def _new_encoder(self) -> FrameEncoder:
        """What encodes the frames."""
        return HieraEncoder(self.model)

    def _follow(self, bank: MemoryBank) -> ObjectMemory | None:
        """What decides for one new object what it remembers; None: as upstream."""
        return self.memory_policy.follow(bank.num_maps) if self.memory_policy else None

    def _scale_prompt(self, masks: Tensor) -> Tensor:
        """Given masks, bool `[N, H, W]`, as the network takes them, float `[N, 1, S, S]`."""
        return resize_masks(masks, self.model.image_size)

    def _read(self, group: ObjectGroup, features: FrameFeatures, frame_idx: int) -> Tensor:
        """Features of a frame fused with a group's memory, float `[N, D, h, w]`."""
        return self._fusion.read(features, group.memory, frame_idx=frame_idx)

    def _as_remembered(
        self, decoded: list[DecodedMasks], prompted: dict[int, Tensor]
    ) -> list[DecodedMasks]:
        """Masks of the groups as memory takes them."""
        return self._without_overlap(decoded, prompted) if self.non_overlap_memory else decoded

    def _judge(
        self, decoded: list[DecodedMasks], prompted: dict[int, Tensor], frame_idx: int
    ) -> list[list[FrameRecord]]:
        """What decides on memory is told of each object of each group; empty where nothing does."""
        return [
            frame_records(masks, frame_idx, prompted=group.object_ids[0] in prompted)
            if group.choosing
            else []
            for group, masks in zip(self._groups, decoded, strict=True)
        ]

    def _decode(
        self,
        group: ObjectGroup,
        features: FrameFeatures,
        prompted: dict[int, Tensor],
        *,
        frame_idx: int,
    ) -> DecodedMasks:
        """Masks of a group, from its prompts if it has any."""
        if group.object_ids[0] in prompted:
            given = torch.stack([prompted[i] for i in group.object_ids]).to(self.model.device)
            return self._decoding.adopt(features, self._scale_prompt(given))
        return self._decoding.decode(features, self._read(group, features, frame_idx))

    def _remember(
        self,
        features: FrameFeatures,
        decoded: list[DecodedMasks],
        prompted: dict[int, Tensor],
        *,
        frame_idx: int,
    ) -> None:
        """Write each group's masks into its memory, and part objects that remember differently."""
        decoded = self._as_remembered(decoded, prompted)
        groups = []
        judged = self._judge(decoded, prompted, frame_idx)
        for group, masks, records in zip(self._groups, decoded, judged, strict=True):
            given = group.object_ids[0] in prompted
            memory = self._fusion.write(features, masks, prompted=given)
            groups += group.remember(memory, records, frame_idx=frame_idx, prompted=given)
        self._groups = groups

    def _without_overlap(
        self, decoded: list[DecodedMasks], prompted: dict[int, Tensor]
    ) -> list[DecodedMasks]:
        """Masks as memory takes them, each pixel left to its strongest object; given ones whole."""
        sizes = [len(masks.full_logits) for masks in decoded]
        joined = torch.cat([masks.full_logits for masks in decoded])
        apart = self.model._apply_non_overlapping_constraints(joined).split(sizes)
        return [
            masks if group.object_ids[0] in prompted else replace(masks, full_logits=logits)
            for group, masks, logits in zip(self._groups, decoded, apart, strict=True)
        ]

    def _in_slot_order(self, decoded: list[DecodedMasks]) -> FrameOutput:
        """Join the groups' masks."""
        ids = [i for group in self._groups for i in group.object_ids]
        order = [ids.index(i) for i in self._object_ids]

        def joined(values: list[Tensor]) -> Tensor:
            # Row by row: an index made of a list would be copied to the device, which waits for it.
            rows = [row for value in values for row in value.unbind()]
            return torch.stack([rows[slot] for slot in order]).float()

        return FrameOutput(
            object_ids=self.object_ids,
            mask_logits=joined([m.mask_logits[:, 0] for m in decoded]),
            presence_logits=joined([m.presence_logits[:, 0] for m in decoded]),
            predicted_iou=joined([m.predicted_iou for m in decoded]),
        )

    def _no_objects(self) -> FrameOutput:
        """Zero slots, before the first prompt or after the last object was removed."""
        side = 4 * self.model.sam_image_embedding_size
        empty = torch.zeros(0, device=self.model.device)
        return FrameOutput([], empty.view(0, 1, 1).expand(0, side, side), empty, empty)

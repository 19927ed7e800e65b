"""SAM 2 on one video, frame by frame."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch
from sam2.modeling.sam2_base import SAM2Base
from torch import Tensor

from pvuw.nets.base import VideoSession, ViewsSession
from pvuw.nets.prompting import check_frame, masks_by_id
from pvuw.nets.sam2.across import Unsettled, outputs_by_view, without_overlap
from pvuw.nets.sam2.decoding import DecodedMasks, MaskDecoding
from pvuw.nets.sam2.features import FrameEncoder, FrameRows, HieraEncoder, resize_masks
from pvuw.nets.sam2.fusion import MemoryFusion
from pvuw.nets.sam2.groups import ObjectGroup, Target
from pvuw.nets.sam2.memory import MemoryBank
from pvuw.nets.sam2.memory_policy import (
    FrameRecord,
    MemoryPolicy,
    ObjectMemory,
    frame_records,
    trust,
)
from pvuw.ops.readback import Readback
from pvuw.types import FrameOutput, Prompt


class Sam2Session(VideoSession, ViewsSession):
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

    A session may follow several views of a video, mirrored or turned: each object in each view is a
    row of its own, with a memory of its own. The image encoder takes all views of a frame as one
    batch; rows share batches as objects do. What concerns several objects (non-overlapping memory)
    stays within a view.

    What a policy judges masks by is read from the device while the next frame is encoded.

    Args:
        model: The network, in evaluation mode and on the device to run on.
        num_frames: Length of the video where known. It matters below 16 frames only: upstream
            scales the time of object pointers by it, and masks differ slightly without it.
        batch_size: Most rows run in one batch; 1 is object by object, with the least memory.
        memory_policy: Which frames to remember; default: the prompted and the last, as upstream.
        non_overlap_memory: See `Sam2`.
        views: How many views of the video are followed.
    """

    def __init__(
        self,
        model: SAM2Base,
        num_frames: int | None = None,
        *,
        views: int = 1,
        batch_size: int = 16,
        memory_policy: MemoryPolicy | None = None,
        non_overlap_memory: bool = False,
    ) -> None:
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, got {batch_size}")
        self.model = model
        self.num_frames = num_frames
        self.views = views
        self.batch_size = batch_size
        self.memory_policy = memory_policy
        self.non_overlap_memory = non_overlap_memory
        self._encoder = self._new_encoder()
        self._decoding = MaskDecoding(model)
        self._fusion = MemoryFusion(model, num_frames=num_frames)
        self._object_ids: list[int] = []
        self._settled: list[ObjectGroup] = []
        self._unsettled: Unsettled | None = None
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
            ValueError: If the frame or the prompt has the wrong shape or type, the video is longer
                than was said, or the session follows several views.
        """
        del next_frame  # SAM 2 looks back only
        (output,) = self.step_views([frame], [prompt], last=last)
        return output

    def step_views(
        self,
        frames: Sequence[Tensor],
        prompts: Sequence[Prompt | None],
        *,
        last: bool = False,
        next_frames: Sequence[Tensor] | None = None,
    ) -> Iterator[FrameOutput]:
        """Advance all views by one frame; see `ViewsSession.step_views`.

        Raises:
            ValueError: See `step`; or the views name different objects.
        """
        del next_frames
        prompted = self._given(frames, prompts)
        frame_idx = self._frames_seen
        self._frames_seen += 1
        with torch.inference_mode():
            if not prompted and not self._object_ids:
                return iter([self._no_objects()] * self.views)
            features = self._encoder.encode_views(
                frames
            )  # before anything waits for the last frame
            self._regroup(list(prompted))
            rows = [features.rows(group.views) for group in self._groups]
            decoded = [
                self._decode(group, seen, prompted, frame_idx=frame_idx)
                for group, seen in zip(self._groups, rows, strict=True)
            ]
            outputs = outputs_by_view(self._groups, decoded, self._object_ids, self.views)
            if not last:
                self._remember(rows, decoded, prompted, frame_idx=frame_idx)
            return iter(outputs)

    def remove_object(self, object_id: int) -> None:
        """Forget an object; see `VideoSession.remove_object`."""
        if object_id not in self._object_ids:
            raise KeyError(f"object {object_id} is not tracked, only {self._object_ids}")
        self._object_ids.remove(object_id)
        self._groups = [
            group.take(kept)
            for group in self._groups
            if (kept := [target for target in group.targets if target.object_id != object_id])
        ]

    @property
    def _groups(self) -> list[ObjectGroup]:
        """Rows that share a batch on the next frame; waits for what decides on it."""
        if self._unsettled is not None:
            frame, self._unsettled = self._unsettled, None
            self._settle(frame)
        return self._settled

    @_groups.setter
    def _groups(self, groups: list[ObjectGroup]) -> None:
        self._settled = groups

    def _given(
        self, frames: Sequence[Tensor], prompts: Sequence[Prompt | None]
    ) -> dict[Target, Tensor]:
        """Masks given on the next frame, bool `[H, W]` by object and view, views in order."""
        if not len(frames) == len(prompts) == self.views:
            raise ValueError(
                f"the session follows {self.views} views, got {len(frames)} frames and "
                f"{len(prompts)} prompts"
            )
        side, shown = self.model.image_size, []
        for frame, prompt in zip(frames, prompts, strict=True):
            check_frame(frame)
            shown.append(masks_by_id(prompt, frame, resized=frame.shape[1:] == (side, side)))
        if self.num_frames is not None and self._frames_seen >= self.num_frames:
            raise ValueError(f"the session was started for {self.num_frames} frames, got one more")
        if any(list(masks) != list(shown[0]) for masks in shown):
            raise ValueError(f"views name different objects: {[list(masks) for masks in shown]}")
        return {Target(view, i): m for view, masks in enumerate(shown) for i, m in masks.items()}

    def _regroup(self, prompted: list[Target]) -> None:
        """Part prompted objects from their groups, and group those that are new."""
        groups = []
        for group in self._groups:
            given = [target for target in group.targets if target in prompted]
            rest = [target for target in group.targets if target not in prompted]
            groups += [group.take(targets) for targets in (given, rest) if targets]
        fresh = [target for target in prompted if target.object_id not in self._object_ids]
        for together in self._may_share(fresh):
            for start in range(0, len(together), self.batch_size):
                groups.append(self._new_group(together[start : start + self.batch_size]))
        self._groups = groups
        self._object_ids += dict.fromkeys(target.object_id for target in fresh)

    def _new_group(self, targets: list[Target]) -> ObjectGroup:
        bank = self._fusion.new_bank()
        followed = [self._follow(bank) for _ in targets]
        return ObjectGroup(targets, bank, [memory for memory in followed if memory])

    # What another network of this kind does in its own way.

    def _new_encoder(self) -> FrameEncoder:
        """What encodes the frames."""
        return HieraEncoder(self.model)

    def _may_share(self, targets: list[Target]) -> list[list[Target]]:
        """New rows in sets that may share batches."""
        return [targets]

    def _follow(self, bank: MemoryBank) -> ObjectMemory | None:
        """What decides for one new object what it remembers; None: as upstream."""
        return self.memory_policy.follow(bank.num_maps) if self.memory_policy else None

    def _scale_prompt(self, masks: Tensor) -> Tensor:
        """Given masks, bool `[N, H, W]`, as the network takes them, float `[N, 1, S, S]`."""
        return resize_masks(masks, self.model.image_size)

    def _read(self, group: ObjectGroup, features: FrameRows, frame_idx: int) -> Tensor:
        """Features of a frame fused with a group's memory, float `[N, D, h, w]`."""
        return self._fusion.read(features, group.memory, frame_idx=frame_idx)

    def _as_remembered(
        self, decoded: list[DecodedMasks], prompted: dict[Target, Tensor]
    ) -> list[DecodedMasks]:
        """Masks of the groups as memory takes them."""
        if not self.non_overlap_memory:
            return decoded
        return without_overlap(self.model, self._groups, decoded, prompted)

    def _judge(self, frame: Unsettled) -> list[list[FrameRecord]]:
        """What decides on memory is told of each row of each group."""
        numbers, records = iter(frame.numbers.rows()), []
        for group, masks in zip(self._settled, frame.decoded, strict=True):
            own, given = [next(numbers) for _ in group.targets], group.targets[0] in frame.prompted
            records.append(frame_records(masks, own, frame.frame_idx, prompted=given))
        return records

    def _decode(
        self,
        group: ObjectGroup,
        features: FrameRows,
        prompted: dict[Target, Tensor],
        *,
        frame_idx: int,
    ) -> DecodedMasks:
        """Masks of a group, from its prompts if it has any."""
        if group.targets[0] not in prompted:
            return self._decoding.decode(features, self._read(group, features, frame_idx))
        # View by view: turned by 90 degrees, masks have another shape.
        shown: dict[int, list[Tensor]] = {}
        for target in group.targets:
            shown.setdefault(target.view, []).append(prompted[target])
        given = [torch.stack(masks).to(self.model.device) for masks in shown.values()]
        return self._decoding.adopt(features, torch.cat([self._scale_prompt(m) for m in given]))

    def _remember(
        self,
        features: list[FrameRows],
        decoded: list[DecodedMasks],
        prompted: dict[Target, Tensor],
        *,
        frame_idx: int,
    ) -> None:
        """Write each group's masks into its memory, at once or when policies can be told."""
        decoded, groups = self._as_remembered(decoded, prompted), self._groups
        given = [group.targets[0] in prompted for group in groups]
        memory = [
            self._fusion.write(seen, masks, prompted=told)
            for seen, masks, told in zip(features, decoded, given, strict=True)
        ]
        if any(group.choosing for group in groups):
            numbers = Readback(torch.cat([trust(masks) for masks in decoded]))
            small = [replace(masks, full_logits=masks.full_logits[:0]) for masks in decoded]
            self._unsettled = Unsettled(frame_idx, prompted, small, memory, numbers)
            return
        for group, own, told in zip(groups, memory, given, strict=True):
            group.remember(own, [], frame_idx=frame_idx, prompted=told)

    def _settle(self, frame: Unsettled) -> None:
        """Let policies decide on the memory of a frame; part rows that remember differently."""
        groups = []
        judged = zip(self._settled, frame.memory, self._judge(frame), strict=True)
        for group, memory, records in judged:
            given = group.targets[0] in frame.prompted
            groups += group.remember(memory, records, frame_idx=frame.frame_idx, prompted=given)
        self._settled = groups

    def _no_objects(self) -> FrameOutput:
        """Zero slots, before the first prompt or after the last object was removed."""
        side = 4 * self.model.sam_image_embedding_size
        empty = torch.zeros(0, device=self.model.device)
        return FrameOutput([], empty.view(0, 1, 1).expand(0, side, side), empty, empty)

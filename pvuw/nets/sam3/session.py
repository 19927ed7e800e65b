"""SAM 3's tracker on one video, frame by frame."""

from dataclasses import replace

import torch
from sam2.modeling.sam2_base import NO_OBJ_SCORE, SAM2Base
from torch import Tensor
from torch.nn import functional as F

from pvuw.nets.prompting import check_frame, masks_by_id
from pvuw.nets.sam2.across import Unsettled
from pvuw.nets.sam2.decoding import DecodedMasks
from pvuw.nets.sam2.features import FrameEncoder, FrameRows, scale_masks
from pvuw.nets.sam2.fusion import ReadoutGate
from pvuw.nets.sam2.groups import ObjectGroup, Target
from pvuw.nets.sam2.memory import MemoryBank
from pvuw.nets.sam2.memory_policy import FrameRecord, MemoryPolicy, ObjectMemory
from pvuw.nets.sam2.session import Sam2Session
from pvuw.nets.sam3.competition import Competition
from pvuw.nets.sam3.images import normalize
from pvuw.nets.sam3.long_memory import LongMemory, SampledMemory
from pvuw.nets.sam3.selection import MemorySelection, share_score
from pvuw.types import Prompt


class Sam3Session(Sam2Session):
    """Streams a video through SAM 3's tracker with the results of upstream's, in constant memory.

    As `Sam2Session`, with other rules: a mask is given to the network as it was scaled, edges soft,
    and enters memory through the size of the logits; where masks given on one frame overlap, memory
    takes each pixel as part of one object; a frame reads the four nearest prompted frames; other
    frames are remembered if the network was sure of them. Unlike upstream, objects can be added,
    corrected and removed on any frame.

    With a competition, rows of different views share no batch; their frames are encoded together
    all the same.

    Args:
        model: The network, in evaluation mode and on the device to run on.
        num_frames: Length of the video where known; see `Sam2Session`.
        views: How many views of the video are followed.
        batch_size: Most rows run in one batch.
        selection: Which frames are remembered; None: the last ones.
        memory_policy: Which frames are remembered besides, or instead of the selected maps.
        non_overlap_memory: See `Sam3`.
        long_memory: A second memory to read; None: none.
        competition: How objects compete for what they read; None: not at all.
    """

    def __init__(
        self,
        model: SAM2Base,
        num_frames: int | None = None,
        *,
        views: int = 1,
        batch_size: int = 16,
        selection: MemorySelection | None = None,
        memory_policy: MemoryPolicy | None = None,
        non_overlap_memory: bool = False,
        long_memory: LongMemory | None = None,
        competition: Competition | None = None,
    ) -> None:
        super().__init__(
            model,
            num_frames,
            views=views,
            batch_size=batch_size,
            memory_policy=memory_policy,
            non_overlap_memory=non_overlap_memory,
        )
        self.selection = selection
        self.long_memory = long_memory
        self.competition = competition

    def foresee(self, frame_idx: int, frame: Tensor, prompt: Prompt) -> None:
        """Let objects remember a frame that is still to come, whose masks are known already.

        Frames until then read it as they read prompted frames of the past: how upstream tracks a
        video that was annotated on several frames beforehand. When the frame comes, give `step` the
        same prompt.

        Args:
            frame_idx: Its place in the video, not before the next frame.
            frame: The frame, uint8 `[3, H, W]` RGB, resized or not.
            prompt: Masks of objects that are tracked already.

        Raises:
            ValueError: If the frame or the prompt has the wrong shape or type, or has passed, or
                the session follows several views.
            KeyError: If an object is not tracked: it would have no past to be found in.
        """
        check_frame(frame)
        if frame_idx < self._frames_seen:
            raise ValueError(f"frame {frame_idx} has passed, the next one is {self._frames_seen}")
        if self.views > 1:
            raise ValueError(f"a session of {self.views} views cannot be told of frames to come")
        side = self.model.image_size
        masks_of = masks_by_id(prompt, frame, resized=frame.shape[1:] == (side, side))
        if unknown := [i for i in masks_of if i not in self._object_ids]:
            raise KeyError(f"objects {unknown} are not tracked, only {self._object_ids}")
        prompted = {Target(0, i): mask for i, mask in masks_of.items()}
        with torch.inference_mode():
            features = self._encoder.encode(frame)
            self._regroup(list(prompted))
            told = [group for group in self._groups if group.targets[0] in prompted]
            rows = [features.rows(group.views) for group in told]
            decoded = [
                self._decode(group, seen, prompted, frame_idx=frame_idx)
                for group, seen in zip(told, rows, strict=True)
            ]
            apart = self._apart(decoded, told, prompted)
            for group, seen, masks in zip(told, rows, apart, strict=True):
                memory = self._fusion.write(seen, masks, prompted=True)
                group.memory.foresee(frame_idx, memory)

    def _new_encoder(self) -> FrameEncoder:
        return _Sam3Encoder(self.model)

    def _follow(self, bank: MemoryBank) -> ObjectMemory | None:
        memory = super()._follow(bank)
        if self.selection is not None:
            memory = self.selection.follow(bank, memory)
        if self.long_memory is not None:
            memory = SampledMemory(self.long_memory, bank.num_maps, memory)
        return memory

    def _may_share(self, targets: list[Target]) -> list[list[Target]]:
        if self.competition is None:
            return [targets]
        return [[t for t in targets if t.view == view] for view in range(self.views)]

    def _read(self, group: ObjectGroup, features: FrameRows, frame_idx: int) -> Tensor:
        bank = group.memory
        gate = self._gate(group, frame_idx) if self.competition is not None else None
        fused = self._fusion.read(features, bank, frame_idx=frame_idx, gate=gate)
        if self.long_memory is None or not bank.sampled:
            return fused
        long = self._fusion.read_sampled(features, bank, frame_idx=frame_idx)
        sure = [m.confidence for m in group.choosing if isinstance(m, SampledMemory)]
        weights = [self.long_memory.weight(len(bank.sampled), c) for c in sure]
        return torch.lerp(fused, long, fused.new_tensor(weights).view(-1, 1, 1, 1))

    def _gate(self, group: ObjectGroup, frame_idx: int) -> ReadoutGate | None:
        """What the readout of a group is multiplied by; None where its object is alone."""
        assert self.competition is not None
        shown: list[Tensor] = []
        own: list[int] = []
        for rival in self._groups:
            if rival.views[0] != group.views[0]:
                continue
            portraits = self._fusion.portrait(rival.memory, frame_idx=frame_idx)
            if portraits is None:  # first prompted on this frame
                continue
            if rival is group:
                own = list(range(len(shown), len(shown) + len(portraits)))
            shown += portraits.unbind(0)
        return self.competition.gate(shown, own) if len(shown) > 1 else None

    def _scale_prompt(self, masks: Tensor) -> Tensor:
        return scale_masks(masks, prompt_side(self.model))

    def _judge(self, frame: Unsettled) -> list[list[FrameRecord]]:
        records = super()._judge(frame)
        if self.selection is not None and self.selection.scope == "video":
            return share_score(records, [group.views for group in self._settled])
        return records

    def _as_remembered(
        self, decoded: list[DecodedMasks], prompted: dict[Target, Tensor]
    ) -> list[DecodedMasks]:
        decoded = super()._as_remembered(decoded, prompted)
        told = [k for k, group in enumerate(self._groups) if group.targets[0] in prompted]
        groups = [self._groups[k] for k in told]
        apart = self._apart([decoded[k] for k in told], groups, prompted)
        changed = dict(zip(told, apart, strict=True))
        return [changed.get(k, masks) for k, masks in enumerate(decoded)]

    def _apart(
        self,
        decoded: list[DecodedMasks],
        groups: list[ObjectGroup],
        prompted: dict[Target, Tensor],
    ) -> list[DecodedMasks]:
        """Given masks as memory takes them: no two objects of a view with the same pixel.

        Args:
            decoded: Of the groups with given masks.
            groups: These groups.
            prompted: The masks given on the frame.
        """
        apart: dict[Target, Tensor] = {}
        for view in {target.view: None for target in prompted}:
            alone = without_later({t.object_id: m for t, m in prompted.items() if t.view == view})
            by_slot = sorted(alone, key=self._object_ids.index)
            given = torch.stack([alone[i] for i in by_slot]).to(self.model.device)
            rows = self.model._apply_non_overlapping_constraints(memory_logits(self.model, given))
            apart |= {Target(view, i): row for i, row in zip(by_slot, rows.unbind(), strict=True)}
        return [
            replace(masks, full_logits=torch.stack([apart[t] for t in group.targets]))
            for masks, group in zip(decoded, groups, strict=True)
        ]


class _Sam3Encoder(FrameEncoder):
    def _maps(self, images: Tensor) -> tuple[list[Tensor], Tensor]:
        encoded = self.model.image_encoder(normalize(images))
        return encoded["backbone_fpn"], encoded["vision_pos_enc"][-1]


def prompt_side(model: SAM2Base) -> int:
    """Side of the masks that prompts are given as: 16 pixels per feature cell."""
    return 16 * int(model.sam_image_embedding_size)


def without_later(masks: dict[int, Tensor]) -> dict[int, Tensor]:
    """Masks of one frame, each without the pixels of those given after it.

    Args:
        masks: Bool `[H, W]` by object, in the order they were given.

    Example:
        >>> first, second = torch.tensor([[True, True]]), torch.tensor([[False, True]])
        >>> without_later({7: first, 2: second})[7].tolist()
        [[True, False]]
    """
    alone: dict[int, Tensor] = {}
    later: Tensor | None = None
    for object_id, mask in reversed(masks.items()):
        alone[object_id] = mask if later is None else mask & ~later
        later = mask if later is None else mask | later
    return alone


def memory_logits(model: SAM2Base, masks: Tensor) -> Tensor:
    """Given masks as logits for memory, float32 `[N, 1, S, S]`.

    They pass through the size of predicted logits, as upstream's do, which rounds their corners.

    Args:
        model: The network.
        masks: Bool `[N, H, W]`.
    """
    sure = torch.where(masks[:, None], -NO_OBJ_SCORE, NO_OBJ_SCORE)
    low = (4 * int(model.sam_image_embedding_size),) * 2
    quarter = F.interpolate(sure, low, mode="bilinear", align_corners=False, antialias=True)
    full = (model.image_size,) * 2
    return F.interpolate(quarter, full, mode="bilinear", align_corners=False)

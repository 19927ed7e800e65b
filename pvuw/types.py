"""The only data that crosses folder borders, with the shape of every field.

Letters: `B` clips, `T` frames, `N` object slots of a clip, `O` objects of all clips of a batch
together, `M` candidate masks, `C` channels, `H W` pixels, `h w` cells of a smaller map.
"""

import copy
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor


@dataclass
class VideoBatch:
    """Training clips of one batch.

    Slots `0..num_objects[b]-1` of clip `b` hold its objects, later slots are padding. The counts
    are plain integers so that the device never has to be asked for them.
    """

    frames: Tensor
    """RGB `[B, T, 3, H, W]`: uint8 as loaded, float32 in 0..1 once augmented."""
    masks: Tensor
    """Object masks, bool `[B, T, N, H, W]`; a slot is all False where its object is not visible."""
    num_objects: list[int]
    """Objects of each clip, length `B`, each in `0..N`."""
    object_ids: list[list[int]]
    """File id of each filled slot of each clip."""
    video_ids: list[str]
    """Name of the video each clip was cut from."""
    frame_idx: Tensor
    """Position of each frame in its video, int64 `[B, T]`."""
    void: Tensor | None = None
    """Pixels without ground truth, bool `[B, T, H, W]`, or None where every pixel has one."""
    clip_seeds: list[int] | None = None
    """Seed of each clip's augmentation, 0..2^63 - 1, fixed by the run's seed, the epoch and the
    clip's place in it; None where clips are not to be augmented."""
    pixel_aspect: list[float] | None = None
    """Scene width over scene height that a pixel of each clip covers (1280x720 squeezed into a
    square: 1.78), so that a rotation turns the scene and not the squeezed picture; None: 1."""
    step_seed: int | None = None
    """Fixed by the run's seed, the epoch and the batch, the same in every process: choices that
    processes must make alike are drawn from it; None outside of a training run."""
    sentences: list[list[str]] | None = None
    """What each filled slot of each clip is asked for by: slots are then what sentences mean, which
    may be several objects together, what another slot has too, or nothing at all. None: slots are
    objects."""

    def pin_memory(self) -> "VideoBatch":
        """The same with all tensors in pinned memory, from which copies to a GPU need not wait.

        What a data loader's `pin_memory` calls.
        """
        pinned = copy.copy(self)
        for name, value in vars(self).items():
            if isinstance(value, Tensor):
                setattr(pinned, name, value.pin_memory())
        return pinned

    @property
    def num_frames(self) -> int:
        """Frames per clip, `T`."""
        return self.frames.shape[1]

    @property
    def object_to_clip(self) -> list[int]:
        """Clip of each of the `O` objects, clips in order and slots in order within a clip."""
        return [b for b, n in enumerate(self.num_objects) for _ in range(n)]

    def object_masks(self) -> Tensor:
        """Masks of the `O` real objects, bool `[T, O, H, W]`, in the order of `object_to_clip`."""
        if not any(self.num_objects):
            return self.masks.new_zeros(self.num_frames, 0, *self.masks.shape[-2:])
        return torch.cat([self.masks[b, :, :n] for b, n in enumerate(self.num_objects)], dim=1)


@dataclass
class MaskPrompt:
    """Targets of one frame, told by a mask for each."""

    object_ids: list[int]
    """File ids, each in 1..255, no repeats."""
    masks: Tensor
    """Bool `[N, H, W]` at the size of the frame it is given with."""

    @classmethod
    def from_id_map(cls, id_map: Tensor, object_ids: Sequence[int] | None = None) -> "MaskPrompt":
        """Build a prompt from an id map, uint8 `[H, W]`.

        Args:
            id_map: 0 is background, every other value an object.
            object_ids: Take these ids only, visible or not; default: all ids present, ascending.
        """
        visible = torch.bincount(id_map.flatten().int(), minlength=256)[1:].nonzero().flatten() + 1
        ids = visible.tolist() if object_ids is None else list(object_ids)
        values = torch.tensor(ids, dtype=id_map.dtype, device=id_map.device)
        return cls(ids, id_map[None] == values[:, None, None])


@dataclass
class TokenPrompt:
    """Targets of one frame, told by what a grounder made of a sentence."""

    object_ids: list[int]
    """File ids, each in 1..255, no repeats."""
    tokens: Tensor
    """A vector for each target, which the grounder's own network reads, float `[N, C]`."""


Prompt = MaskPrompt | TokenPrompt
"""What defines targets on one frame."""


@dataclass
class FrameOutput:
    """What a network says about one frame of a video."""

    object_ids: list[int]
    """File id of each slot, length `N`, in the order the objects were first prompted."""
    mask_logits: Tensor
    """Log-odds of each object against background, float32 `[N, h, w]`; > 0 is foreground.

    The map covers the whole frame at the network's own output resolution. Where a network lets
    objects compete (softmax over background and objects) this is `log p_k - log p_background`:
    prepending a zero channel and taking softmax gives its probabilities back.
    """
    presence_logits: Tensor | None = None
    """Logit of P(object is visible in this frame), float32 `[N]`; None: no opinion."""
    predicted_iou: Tensor | None = None
    """The network's own estimate of the mask's IoU, float32 `[N]`; None: no opinion."""
    has_opinion: Tensor | None = None
    """False for an object the network cannot see here (TMO: one that neither stands out nor moves),
    whose logits, all 0, are then no vote for background; bool `[N]`, None: an opinion on all."""
    objects_compete: bool = False
    """True where probabilities are a softmax over background and objects, False where each object
    has its own sigmoid. Tells how to turn `mask_logits` into probabilities and back."""


class ClipOutput:
    """What a network says about a batch of training clips; each family has its kind below."""


@dataclass
class ClipFeatures:
    """Features that the similarity loss compares."""

    query: Tensor
    """Those each frame was decoded from, float `[T, O, C, h, w]`."""
    memory: Tensor
    """Those of each frame as it enters memory, float `[T, O, C, h, w]`."""
    memory_frames: list[list[int]]
    """Per frame the frames it read from memory."""


@dataclass
class Decoding:
    """One decoding of one training frame, for all `O` objects of the batch."""

    mask_logits: Tensor
    """Candidate masks at training resolution, float `[O, M, H, W]`."""
    predicted_iou: Tensor | None = None
    """Predicted IoU of each candidate, float `[O, M]`; None: the network predicts none."""
    presence_logits: Tensor | None = None
    """Presence logit, float `[O, 1]`; None: the network has none."""


@dataclass
class CandidateClip(ClipOutput):
    """Frames decoded once or, where clicks correct them, several times (SAM 2)."""

    decodings: list[list[Decoding]]
    """Those made on each frame, in time order."""
    features: ClipFeatures | None = None
    """Where they were asked for."""


@dataclass
class MaskClip(ClipOutput):
    """One mask for each object (XMem)."""

    mask_logits: dict[int, Tensor]
    """Log-odds against background by frame, float `[O, H, W]` at training resolution; frames whose
    masks are given are not there."""


@dataclass
class AuxiliaryClip(MaskClip):
    """One mask for each object, and those the network went by on the way (Cutie, LiVOS)."""

    sensory_logits: dict[int, Tensor]
    """Masks predicted from recurrent state alone, by frame, float `[O, h, w]`."""
    level_logits: dict[int, Tensor]
    """Masks that each level of the object transformer goes by, float `[O, L, h, w]`."""


@dataclass
class ForegroundClip(MaskClip):
    """The foreground of each frame, one object a clip (TMO)."""

    features: ClipFeatures | None = None
    """Where they were asked for."""


@dataclass
class Detected:
    """What one layer found of `S` sentences: `Q` objects each, followed through the clip."""

    score_logits: Tensor
    """Logit that an object is meant, float `[S, T, Q]`."""
    boxes: Tensor
    """Centre column and row, width and height in 0..1, float `[S, T, Q, 4]`."""
    mask_logits: Tensor
    """Float `[S, T, Q, h, w]`, a cell every four pixels."""
    match_boxes: Tensor | None = None
    """Boxes that decide which object is judged as the one meant; None: `boxes`."""


@dataclass
class DetectionClip(ClipOutput):
    """Objects that sentences find, by several layers (ReferDINO)."""

    layers: list[Detected]
    """The last one first; sentences in the order of `VideoBatch.object_to_clip`."""


@dataclass
class FramePrediction:
    """One predicted frame of one video on its way to writers, metrics and pictures."""

    frame_idx: int
    frame_name: str
    """Stem of the frame's file name; its mask is written as `<frame_name>.png`."""
    frame: Tensor
    """The image itself, uint8 `[3, H, W]` RGB, on the CPU."""
    id_map: Tensor
    """File id of every pixel, uint8 `[H, W]`, 0 = background, on the CPU."""
    output: FrameOutput
    """Scores the id map was made from: the network's own where nothing changed them."""
    truth: Tensor | None = None
    """Ground truth where the video has it, uint8 `[H, W]`, void pixels 0."""
    sentence: str | None = None
    """What was asked, where that was a sentence."""


FrameWriter = Callable[[FramePrediction], None]
"""Takes the frames of one query, in order."""


class FrameSink(Protocol):
    """Takes predicted frames one by one, so that no video's masks are ever held whole."""

    def open(self, query_id: str, num_frames: int) -> AbstractContextManager[FrameWriter]:
        """A block within which the frames of a query are taken; several may be open at once.

        Of several sinks the one opened first is closed last. A block that is left by an error,
        Ctrl-C included, must leave nothing of the query behind.
        """


@runtime_checkable
class ResultSink(FrameSink, Protocol):
    """A sink whose results stay, so that a later run may leave out what is there."""

    def finished(self) -> set[str]:
        """Ids of the queries whose results are there, whole."""


@dataclass
class ScoredQuery:
    """How well one query was answered, its `N` objects by their mean J and F."""

    data_set: str
    """Name of the validation set; empty where there is only one."""
    query_id: str
    num_frames: int
    object_ids: list[int]
    """File id of each object, length `N`."""
    j: list[float]
    f: list[float]
    buckets: list[tuple[str, ...]]
    """In what way each object is hard, such as `small`."""

    @property
    def jf(self) -> float:
        """J&F, the mean over the objects; NaN without objects."""
        both = [*self.j, *self.f]
        return sum(both) / len(both) if both else float("nan")


class ScoreSink(Protocol):
    """Takes the score of each query as it is known, right after its last frame."""

    def take_score(self, score: ScoredQuery) -> None:
        """Take a score; the query's frames are all written."""

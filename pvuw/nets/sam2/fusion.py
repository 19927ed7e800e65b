"""How SAM 2 turns a frame into memory, and fuses a later frame with it."""

from collections.abc import Callable

import torch
from sam2.modeling.sam2_base import SAM2Base
from sam2.modeling.sam2_utils import get_1d_sine_pe
from torch import Tensor, nn

from pvuw.nets.sam2.decoding import DecodedMasks
from pvuw.nets.sam2.features import FrameFeatures, SeenFrame
from pvuw.nets.sam2.memory import MemoryBank, MemoryFrame

MEMORY_DTYPE = torch.bfloat16
"""Upstream stores maps so whatever it computes in, and the rounding is part of its results."""

ReadoutGate = Callable[[nn.Module, Tensor], Tensor]
"""Of a layer of memory attention and the tokens before it reads, float `[N, hw, D]`: by what the
readout is multiplied, float `[N, hw, 1]`."""
_KINDS_OF_READING = 3
"""Memory, longer memory and portraits have positions of their own."""


class MemoryFusion:
    """Writes and reads the memory of one video; the weights must not change meanwhile.

    Args:
        model: The network.
        num_frames: Length of the video where known; it scales the time of pointers if below 16.
    """

    def __init__(self, model: SAM2Base, *, num_frames: int | None) -> None:
        self.model = model
        limit = model.max_obj_ptrs_in_encoder
        self.num_pointers = (limit if num_frames is None else min(num_frames, limit)) - 1
        self._map_position: Tensor | None = None  # [1, hw, C]
        self._positions: dict[tuple[tuple[int, ...], tuple[int, ...]], Tensor] = {}
        self._near: dict[int, Tensor] = {}

    def new_bank(self) -> MemoryBank:
        """An empty memory that keeps as much as is read here."""
        limit = self.model.max_cond_frames_in_attn
        return MemoryBank(
            num_maps=self.model.num_maskmem - 1,
            num_pointers=self.num_pointers,
            max_prompted=None if limit < 0 else limit,
        )

    def write(self, frame: SeenFrame, masks: DecodedMasks, *, prompted: bool) -> MemoryFrame:
        """Memory of a frame with its masks, predicted or `prompted`."""
        coarse = frame.for_each(len(masks.mask_logits)).coarse
        features, positions = self.model._encode_new_memory(
            current_vision_feats=[coarse.flatten(2).permute(2, 0, 1)],
            feat_sizes=[coarse.shape[-2:]],
            pred_masks_high_res=masks.full_logits,
            object_score_logits=masks.presence_logits,
            is_mask_from_pts=prompted,
        )
        if self._map_position is None:
            self._map_position = positions[-1][:1].flatten(2).transpose(1, 2).clone()
        tokens = features.to(MEMORY_DTYPE).flatten(2).transpose(1, 2).contiguous()
        return MemoryFrame(tokens, masks.pointers)

    def read(
        self,
        frame: SeenFrame,
        bank: MemoryBank,
        *,
        frame_idx: int,
        gate: ReadoutGate | None = None,
    ) -> Tensor:
        """Features of a frame fused with the memory of `N` objects, float `[N, D, h, w]`.

        Args:
            frame: The frame's own features.
            bank: The objects' memory.
            frame_idx: The frame's place in the video.
            gate: How much of what is read arrives where; default: all.
        """
        return self._attend(
            frame, *self._tokens(bank.maps(frame_idx), bank.pointers(frame_idx)), gate
        )

    def read_sampled(self, frame: SeenFrame, bank: MemoryBank, *, frame_idx: int) -> Tensor:
        """As `read`, of the longer memory of objects that have one."""
        tokens = self._tokens(bank.sampled_maps(frame_idx), bank.pointers(frame_idx))
        return self._attend(frame, *tokens, None)

    def portrait(self, bank: MemoryBank, *, frame_idx: int) -> Tensor | None:
        """What tells `N` objects apart: their nearest prompted and newest map, with positions.

        Returns:
            Memory plus positions, float `[N, L, C]`, or None where nothing is remembered yet.
        """
        maps = bank.maps(frame_idx)
        if not maps:
            return None
        chosen = [maps[0], maps[-1]] if len(maps) > 1 else maps
        memory, positions, _ = self._tokens(chosen, [])
        return memory + positions

    def _attend(
        self,
        frame: SeenFrame,
        memory: Tensor,
        positions: Tensor,
        num_pointer_tokens: int,
        gate: ReadoutGate | None,
    ) -> Tensor:
        attention, rows = self.model.memory_attention, frame.for_each(len(memory))
        own = rows.features
        tokens = rows.of(self._attend_to_itself(own))
        for depth, layer in enumerate(attention.layers):
            if depth:
                tokens = layer._forward_sa(tokens, own.position)
            read = layer._forward_ca(tokens, memory, own.position, positions, num_pointer_tokens)
            tokens = read if gate is None else tokens + gate(layer, tokens) * (read - tokens)
            tokens = tokens + layer.linear2(layer.activation(layer.linear1(layer.norm3(tokens))))
        fused: Tensor = attention.norm(tokens).transpose(1, 2)
        return fused.view(-1, *own.coarse.shape[1:])

    def _attend_to_itself(self, frame: FrameFeatures) -> Tensor:
        """First self-attention of a frame; no memory is in it yet, so all objects share it."""
        if frame.attended is None:
            attention = self.model.memory_attention
            tokens = frame.coarse.flatten(2).transpose(1, 2)
            if attention.pos_enc_at_input:
                tokens = tokens + 0.1 * frame.position
            frame.attended = attention.layers[0]._forward_sa(tokens, frame.position)
        return frame.attended

    def _tokens(
        self, maps: list[tuple[int, Tensor]], pointed: list[tuple[int, Tensor]]
    ) -> tuple[Tensor, Tensor, int]:
        """Memory `[N, L, C]`, its positions `[1, L, C]` and how many of the `L` are pointers."""
        places, memory = zip(*maps, strict=True)
        distances: tuple[int, ...] = ()
        if self.model.use_obj_ptrs_in_encoder and pointed:
            distances, pointers = zip(*pointed, strict=True)
            # A pointer is as wide as a feature, memory is narrower: it is cut into several tokens.
            cut = torch.stack(pointers, dim=1).reshape(len(pointers[0]), -1, self.model.mem_dim)
            memory = (*memory, cut)
        positions = self._positions_of(places, distances)
        num_pointer_tokens = len(distances) * (self.model.hidden_dim // self.model.mem_dim)
        return torch.cat(memory, dim=1), positions, num_pointer_tokens

    def _positions_of(self, places: tuple[int, ...], distances: tuple[int, ...]) -> Tensor:
        """Encoding of maps at `places` and pointers at `distances`, `[1, L, C]`."""
        key = (places, distances)
        if key not in self._positions:
            assert self._map_position is not None, "memory is read before any was written"
            in_time = self.model.maskmem_tpos_enc.flatten(1)  # [num_maskmem, C], newest first
            newest = self.model.num_maskmem - 1
            maps = [self._map_position + in_time[newest - place] for place in places]
            # The latest only: groups of one frame often agree, frames seldom do.
            latest = [*self._positions.items()][-_KINDS_OF_READING + 1 :]
            self._positions = dict(latest)
            self._positions[key] = torch.cat([*maps, *self._in_time(distances)], dim=1)
        return self._positions[key]

    def _in_time(self, distances: tuple[int, ...]) -> list[Tensor]:
        """Encoding of pointers, a list of one `[1, P, C]`, or of none without pointers."""
        model = self.model
        if not distances:
            return []
        pieces = model.hidden_dim // model.mem_dim
        if not model.add_tpos_enc_to_obj_ptrs:
            return [model.maskmem_tpos_enc.new_zeros(1, len(distances) * pieces, model.mem_dim)]
        dim = model.hidden_dim if model.proj_tpos_enc_in_obj_ptrs else model.mem_dim
        scaled = torch.cat([self._distance(d) for d in distances]) / self.num_pointers
        encoded = model.obj_ptr_tpos_proj(get_1d_sine_pe(scaled, dim=dim))
        return [encoded.repeat_interleave(pieces, dim=0)[None]]

    def _distance(self, distance: int) -> Tensor:
        """A distance on the device, `[1]`: filled in there, since a copy would make it wait."""
        if distance not in self._near:
            found = torch.full((1,), distance, device=self.model.device)
            if distance > self.num_pointers:  # of prompted frames; another one on every frame
                return found
            self._near[distance] = found
        return self._near[distance]

"""SAM 2 as Sa2VA uses it: told by words what to segment, and never silenced."""

from dataclasses import dataclass

import torch
from sam2.modeling.sam2_base import SAM2Base
from torch import Tensor, nn
from torch.nn import functional as F

from pvuw.nets.sam2.decoding import DecodedMasks, MaskDecoding
from pvuw.nets.sam2.features import FrameFeatures, HieraEncoder, resize_masks
from pvuw.nets.sam2.fusion import MemoryFusion
from pvuw.ops.images import IMAGE_MEAN, IMAGE_STD


class WordDecoding(MaskDecoding):
    """Masks of objects that the network calls absent stay as they are.

    Sa2VA was trained without that gate, so its presence logits mean little for masks; pointers are
    gated as ever. The original decoder of Sa2VA-i has the gate.
    """

    blanks_absent = False


class WordEncoder(HieraEncoder):
    """SAM 2's encoder of frames, with mean and deviation rounded as Sa2VA has them."""

    def __init__(self, model: SAM2Base) -> None:
        super().__init__(model)
        rounded = [torch.tensor(v).bfloat16().float() for v in (IMAGE_MEAN, IMAGE_STD)]
        self._mean, self._std = (v[:, None, None].to(model.device) for v in rounded)

    def _normalized(self, images: Tensor) -> Tensor:
        return (images.float() / 255 - self._mean) / self._std

    def encode_for(
        self, decoder: nn.Module | None, frame: Tensor
    ) -> tuple[FrameFeatures, FrameFeatures]:
        """Features of a frame for SAM 2 itself and for another mask decoder; None: the same."""
        image = frame.to(self.model.device, non_blocking=True)
        maps, position = self._maps(image[None])
        own = self._for_decoder(self.model.sam_mask_decoder, maps, position)
        return own, own if decoder is None else self._for_decoder(decoder, maps, position)


@dataclass
class Said:
    """What is known of `N` objects on one frame."""

    mask_logits: Tensor
    """Float32 `[N, S/4, S/4]`."""
    presence_logits: Tensor
    """Float `[N]`."""
    predicted_iou: Tensor
    """Float `[N]`."""

    @classmethod
    def of(cls, masks: list[DecodedMasks]) -> "Said":
        """What batches of objects were decoded to."""
        return cls(
            torch.cat([m.mask_logits[:, 0] for m in masks]),
            torch.cat([m.presence_logits[:, 0].float() for m in masks]),
            torch.cat([m.predicted_iou.float() for m in masks]),
        )

    def take(self, rows: list[int]) -> "Said":
        """What is known of some of the objects."""
        return Said(self.mask_logits[rows], self.presence_logits[rows], self.predicted_iou[rows])


class LanguageSam:
    """SAM 2 on one video, told by words; the weights must not change meanwhile.

    Args:
        model: The network.
        tuned_decoder: The mask decoder that understands words, where SAM 2's own is as it was
            released (Sa2VA-i); default: SAM 2's own.
        num_frames: Length of the video.
    """

    def __init__(
        self, model: SAM2Base, tuned_decoder: nn.Module | None, *, num_frames: int
    ) -> None:
        self.model = model
        self.encoder = WordEncoder(model)
        self.fusion = MemoryFusion(model, num_frames=num_frames)
        self.decoding = WordDecoding(model) if tuned_decoder is None else MaskDecoding(model)
        self._tuned = tuned_decoder
        self._by_words = WordDecoding(model, tuned_decoder)

    def read_words(
        self, picture: Tensor, words: Tensor, *, size_hw: tuple[int, int]
    ) -> tuple[FrameFeatures, DecodedMasks]:
        """A frame's features, and the masks that words mean on it, without any memory.

        With a decoder of its own for words, its masks are given to SAM 2 as prompts, at the size of
        the video's frames as Sa2VA-i does, and come back as SAM 2 takes them.

        Args:
            picture: The frame, uint8 `[3, S, S]`.
            words: A token for each object, float `[N, 1, D]`.
            size_hw: Height and width of the video's frames.
        """
        model = self.model
        features, for_words = self.encoder.encode_for(self._tuned, picture)
        fused = for_words.coarse + model.no_mem_embed.view(1, -1, 1, 1)
        decoded = self._by_words.decode(for_words, fused.expand(len(words), -1, -1, -1), words)
        if self._tuned is None:
            return features, decoded
        logits = F.interpolate(
            decoded.mask_logits, size=size_hw, mode="bilinear", align_corners=False
        )
        masks = resize_masks(logits[:, 0] > 0, model.image_size)
        return features, self.decoding.adopt(features, masks)

    def at_full_size(self, mask_logits: Tensor) -> Tensor:
        """Logits `[N, S/4, S/4]` at the network's own size, as upstream gives them, `[N, S, S]`."""
        side = self.model.image_size
        return F.interpolate(
            mask_logits[None], size=(side, side), mode="bilinear", align_corners=False
        )[0]

"""Frames as SAM 2 takes them in."""

import numpy as np
import torch
from PIL import Image

from pvuw.nets.sam2.features import resize_frame


def test_resizing_is_pillows_however_the_frame_lies_in_memory():
    pixels = np.random.default_rng(0).integers(0, 256, (45, 80, 3), dtype=np.uint8)
    expected = np.array(Image.fromarray(pixels).resize((64, 64), Image.Resampling.BICUBIC))
    interleaved = torch.from_numpy(pixels).permute(2, 0, 1)
    for frame in (interleaved, interleaved.contiguous()):
        resized = resize_frame(frame, 64)
        assert resized.is_contiguous()
        assert np.array_equal(resized.permute(1, 2, 0).numpy(), expected)

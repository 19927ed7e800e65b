"""Semi-supervised video object segmentation: prompted objects, whole-video validation by J&F."""

from typing import Any

import lightning_modules.base as base

"""Checkpoint files that appear whole or not at all."""

from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO

from pvuw.io.atomic import atomic_path


class WholeCheckpoints(TorchCheckpointIO):
    """Writes beside the checkpoint and renames.

    Lightning 2.6.6 writes into the system's folder for temporary files and moves from there, which
    copies where that is another file system: a run killed meanwhile has lost its checkpoint.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None
    ) -> None:
        """Save so that whoever reads `path` finds this checkpoint or the one before."""
        del storage_options
        with atomic_path(Path(path)) as temporary:
            torch.save(checkpoint, temporary)

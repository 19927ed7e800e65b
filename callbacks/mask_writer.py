"""Writes predicted masks while the next frames are computed."""

import json
import shutil
from pathlib import Path
from typing import Literal

from lightning.pytorch import Callback, LightningModule, Trainer

from callbacks.processes import of_all_processes
from callbacks.sinks import frame_sinks
from pvuw.errors import DataError, PvuwError, line_of
from pvuw.io.atomic import write_text_atomic
from pvuw.io.lock import FolderLock
from pvuw.io.mask_folder import MaskFolder

STAMP = "predict.json"


class MaskWriter(Callback):
    """Writes `<output_dir>/Annotations/<query id>/<frame>.png` during `pvuw predict`.

    An answer is there whole or not at all, so a run that was killed is continued by the same
    command: it predicts what is missing. Masks of another recipe or checkpoint, of other frames or
    other prompts are not continued but refused. One run at a time writes into a folder; its
    processes share the videos.

    Args:
        output_dir: The run's folder; `--out` sets it.
        existing: `skip` videos that are there, or `replace`: remove them all and start again.
        queue_frames: Frames that may wait for the disk before prediction waits for it too.
    """

    def __init__(
        self,
        output_dir: Path | None = None,
        *,
        existing: Literal["skip", "replace"] = "skip",
        queue_frames: int = 16,
    ) -> None:
        self.output_dir = output_dir
        self.existing = existing
        self.queue_frames = queue_frames
        self.recipe: str | None = None
        """Names recipe and weights; set by the command line. None: not compared."""
        self._folder: MaskFolder | None = None
        self._lock: FolderLock | None = None

    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Claim the folder, see what is done already and listen to the module's frames."""
        if self.output_dir is None:
            raise DataError("nowhere to write the masks: give --out FOLDER")
        own = [query for queries in trainer.predict_dataloaders or () for query in queries]
        prints = [] if self.recipe is None else [(q.query_id, q.fingerprint()) for q in own]
        asked = dict(of_all_processes(prints))
        root, problem = self.output_dir / "Annotations", None
        if trainer.is_global_zero:
            try:
                self._claim(MaskFolder(root), self.output_dir / STAMP, asked)
            except (PvuwError, OSError) as error:
                if (problem := line_of(error)) is None:
                    raise
        # So that no process waits for one that was refused: all of them are.
        if (problem := trainer.strategy.broadcast(problem)) is not None:
            self._release()
            raise DataError(problem)
        if not trainer.is_global_zero:
            self._lock = FolderLock.join(root)
        self._folder = folder = MaskFolder(root, queue_frames=self.queue_frames)
        frame_sinks(pl_module).append(folder)
        if trainer.is_global_zero and (done := folder.finished()):
            print(f"{folder.root}: {len(done)} videos are there already and are skipped")

    def on_predict_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop listening and leave the folder; the last process to do so gives it free."""
        if self._folder is not None:
            frame_sinks(pl_module).remove(self._folder)
            self._folder = None
        self._release()

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Let other runs write into the folder."""
        self._release()

    def _claim(self, folder: MaskFolder, stamp: Path, asked: dict[str, str]) -> None:
        """Keep other runs out; refuse masks made otherwise, or remove what is to be replaced.

        Args:
            folder: Where the masks are.
            stamp: File that says what they were made with.
            asked: Fingerprint of what is asked now, by query.
        """
        self._lock = FolderLock(folder.root)
        folder.remove_left_overs()
        known: dict[str, str] = {}
        finished = folder.finished()
        if self.existing == "replace":
            for query_id in finished:
                shutil.rmtree(folder.root / query_id)
        elif self.recipe is not None and finished:
            recipe, known = _read(stamp)
            way_out = "give another --out, or --mask_writer.existing replace to remove them"
            if recipe != self.recipe:
                raise DataError(
                    f"{folder.root}: holds masks of another recipe or checkpoint; {way_out}"
                )
            others = sorted(q for q in finished & asked.keys() if known.get(q) != asked[q])
            if others:
                more = f" and {len(others) - 1} more" if len(others) > 1 else ""
                raise DataError(
                    f"{folder.root / others[0]}{more}: made from other frames or other first masks "
                    f"than are given now; {way_out}"
                )
        if self.recipe is not None:
            content = {"recipe": self.recipe, "queries": known | asked}
            write_text_atomic(stamp, json.dumps(content, indent=0) + "\n")
        self._lock.share()

    def _release(self) -> None:
        if self._lock is not None:
            self._lock.release()
            self._lock = None


def _read(stamp: Path) -> tuple[str | None, dict[str, str]]:
    """Recipe and queries that the masks of a run folder were made from, as far as written down."""
    if not stamp.exists():
        return None, {}
    try:
        content = json.loads(stamp.read_text())
        return str(content["recipe"]), dict(content.get("queries", {}))
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{stamp}: not written by pvuw; remove it, or --mask_writer.existing replace"
        ) from error

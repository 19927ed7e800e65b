"""Trees of masks, `<root>/<query id>/<frame>.png`: what is in one, and reading it. No torch.

A query id is `v`, a video, or `v/e`, the sentence `e` about it; so masks lie one or two folders
deep. How deep they lie is read off the tree. What may stand around a tree, and what may not be
guessed, `MaskTree.find` says.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pvuw.errors import DataError
from pvuw.io.folder import list_folder, list_names, shorten
from pvuw.io.frame_order import in_order
from pvuw.io.masks import VoidId
from pvuw.io.png_masks import PngMasks

QueryKind = Literal["video", "expression"]
"""Queries `v` ask for the objects of a video, queries `v/e` for what a sentence about it means."""
MASKS = "Annotations"
"""The folder that a run, and many data sets, keep their tree in."""
_AROUND = (MASKS, "480p", "Full-Resolution")  # the latter two stand inside Annotations in DAVIS
_SHAPES = {"video": "<video>/<frame>.png", "expression": "<video>/<expression>/<frame>.png"}


@dataclass(frozen=True)
class MaskTree:
    """Masks on disk by query and frame."""

    root: Path
    """Holds one folder for each video."""

    @classmethod
    def find(cls, folder: Path, *, known: Collection[str] = ()) -> "MaskTree":
        """Return the tree that a folder is or holds.

        Looked into are folders called `Annotations` (in DAVIS also `480p`, `Full-Resolution`), and
        an only sub-folder that holds nothing that could be a tree. Masks below an only sub-folder,
        `only/a/00000.png`, may be those of video `a` or of sentence `a` about the video `only`:
        where `known` does not tell, and no folder `Annotations` stands above, they are refused.

        Args:
            folder: The tree, or a folder around it.
            known: Ids that some videos have, as the frames or the truth say.

        Raises:
            DataError: If there are no masks, those of one video alone, or it cannot be told which
                folders are the videos.
        """
        if not folder.is_dir():
            raise DataError(f"{folder}: no such folder; give a folder with <video>/<frame>.png")
        inside = list_folder(folder).folders
        if any(_has_masks(folder / name) for name in inside):
            return cls(folder)
        if _has_masks(folder):
            raise DataError(
                f"{folder}: holds the masks of one video; give the folder above it, which holds "
                "one folder per video"
            )
        if around := [name for name in _AROUND if name in inside]:
            return cls.find(folder / around[0], known=known)
        below = {name: _masks_below(folder / name) for name in inside}
        if len(inside) == 1:
            return cls._find_in_only(folder, *below.items(), known=known)
        if any(below.values()):
            return cls(folder)
        found = f"folders {shorten(inside)}" if inside else "no folders"
        raise DataError(f"{folder}: no PNG masks, got {found}; expected <video>/<frame>.png inside")

    @classmethod
    def _find_in_only(
        cls, folder: Path, only: tuple[str, list[str]], *, known: Collection[str]
    ) -> "MaskTree":
        name, with_masks = only
        if with_masks and (name in known or folder.resolve().name == MASKS):
            return cls(folder)
        if with_masks and not any(below in known for below in with_masks):
            raise DataError(
                f"{folder}: {name} may be a folder around the videos ({shorten(with_masks)}) or a "
                f"video that sentences are about; give {folder / name} for the former, for the "
                f"latter move it into a folder called {MASKS}"
            )
        return cls.find(folder / name, known=known)

    def queries(self, kind: QueryKind | None = None) -> list[str]:
        """Return the ids of all queries, sorted; an empty folder is a video where one may be.

        Args:
            kind: What all of them must be: `v` or `v/e`; None: either.

        Raises:
            DataError: If there is one of the other kind.
        """
        found = []
        for video in list_folder(self.root).folders:
            has_masks = _has_masks(self.root / video)
            expressions = [] if has_masks else _masks_below(self.root / video)
            found += [f"{video}/{e}" for e in expressions]
            if has_masks or not (expressions or kind == "expression"):
                found.append(video)
        wrong = [q for q in found if kind is not None and ("/" in q) != (kind == "expression")]
        if wrong:
            expected = _SHAPES[kind or "video"]
            raise DataError(
                f"{self.root}: holds {shorten(wrong)}, but {expected} is expected here; give "
                "another folder, or the option for masks of this kind"
            )
        return sorted(found)

    def folder(self, query_id: str) -> Path:
        """Return the folder of a query's masks, there or not."""
        return self.root / query_id

    def frames(self, query_id: str) -> list[str]:
        """Return the names of the frames that have a mask, in order; none for an unknown query."""
        return in_order(self._files(query_id))

    def masks(self, query_id: str, frames: Sequence[str], *, void_id: VoidId = None) -> PngMasks:
        """Return the masks of a query by position in `frames`; others of its masks are left out.

        Args:
            query_id: The query.
            frames: Names of the video's frames.
            void_id: Pixel value that means "no ground truth"; see `read_mask`.
        """
        files = self._files(query_id)
        return PngMasks.by_stem(self.folder(query_id), files, frames, void_id=void_id)

    def _files(self, query_id: str) -> dict[str, str]:
        """Return file names by frame."""
        folder = self.folder(query_id)
        if not folder.is_dir():
            return {}
        return {name[:-4]: name for name in list_names(folder) if _is_mask(name)}


def _is_mask(name: str) -> bool:
    return name[-4:].lower() == ".png"


def _has_masks(folder: Path) -> bool:
    return any(map(_is_mask, list_names(folder)))


def _masks_below(folder: Path) -> list[str]:
    return [name for name in list_folder(folder).folders if _has_masks(folder / name)]

"""Which mask files belong to which frames of a video, judged by their names alone."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from pvuw.io.folder import is_left_over


@dataclass
class NameMatch:
    """A video's mask files against its frames."""

    masks: list[Path] = field(default_factory=list)
    """Masks that have a frame, in the order of the frames."""
    problems: list[str] = field(default_factory=list)


def match_names(folder: Path, frame_names: Sequence[str], *, what: str = "video") -> NameMatch:
    """Return the masks of a video, and one line per file too many and per run of missing ones.

    Args:
        folder: The video's masks; hidden files are not looked at.
        frame_names: Stem of every frame, in order.
        what: What the masks answer, for messages.
    """
    if not folder.is_dir():
        return NameMatch(problems=[f"{folder}: no such folder; predict this {what} too"])
    files = {item.name for item in folder.iterdir() if not is_left_over(item.name)}
    if not files:
        wanted = f"{len(frame_names)} masks, {frame_names[0]}.png to {frame_names[-1]}.png"
        return NameMatch(problems=[f"{folder}: empty folder, expected {wanted}; predict it again"])
    wanted_files = {f"{name}.png" for name in frame_names}
    missing = [name for name in frame_names if f"{name}.png" not in files]
    match = NameMatch([folder / f"{name}.png" for name in frame_names if f"{name}.png" in files])
    by_meaning = {_meaning(name): name for name in missing}
    for file in sorted(files - wanted_files):
        meant = by_meaning.pop(_meaning(Path(file).stem), None)
        if meant is not None:
            missing.remove(meant)
        match.problems.append(_too_many(folder / file, meant))
    return NameMatch(match.masks, _missing_lines(folder, frame_names, missing) + match.problems)


def _meaning(stem: str) -> str:
    """Return what a name and a misspelling of it have in common: number or letters, no zeros."""
    digits = "".join(filter(str.isdigit, stem))
    return digits.lstrip("0") or "0" if digits else stem.lower()


def _too_many(path: Path, meant: str | None) -> str:
    if meant is not None:
        return f"{path}: wrong name, the frame is called {meant}; rename it to {meant}.png"
    if path.suffix == ".png":
        return f"{path}: mask of a frame that is not among the images; remove it"
    return f"{path}: not a mask; remove it"


def _missing_lines(folder: Path, frame_names: Sequence[str], missing: Sequence[str]) -> list[str]:
    """Return one line for each run of consecutive frames without a mask."""
    position = {name: i for i, name in enumerate(frame_names)}
    lines = []
    # Within a run, position and rank among the missing grow together.
    numbered = enumerate(missing)
    for _, run in groupby(numbered, key=lambda pair: position[pair[1]] - pair[0]):
        names = [name for _, name in run]
        first = f"{folder / names[0]}.png"
        if len(names) == 1:
            lines.append(f"{first}: no such file; predict every frame of the video")
        else:
            lines.append(
                f"{first} to {names[-1]}.png: no such files ({len(names)} of {len(frame_names)} "
                "frames); predict every frame of the video"
            )
    return lines

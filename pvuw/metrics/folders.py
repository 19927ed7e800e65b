"""Which truth masks belong to which predicted masks, and what of either is missing."""

from dataclasses import dataclass, field
from pathlib import Path

from pvuw.errors import DataError
from pvuw.io.folder import list_folder, shorten
from pvuw.io.frame_order import in_order
from pvuw.metrics.protocols import Protocol, get_protocol


@dataclass(frozen=True)
class VideoPair:
    """One video's masks in both folders."""

    video_id: str
    truth_folder: Path
    predicted_folder: Path
    frame_names: list[str]
    """Stem of every truth mask, in time order."""
    missing: frozenset[str]
    """Scored frames without a prediction."""


@dataclass
class FolderPair:
    """Two mask folders side by side."""

    truth_root: Path
    predicted_root: Path
    videos: list[VideoPair] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    """One line per reason why the folders cannot be scored."""
    notes: list[str] = field(default_factory=list)
    """One line per thing the user may want to know."""


def pair_folders(truth: Path, prediction: Path, protocol: str) -> FolderPair:
    """Return the videos of two mask folders side by side, with everything that is missing.

    Args:
        truth: Folder with `<video>/<frame>.png`, or a folder that wraps such a one.
        prediction: The same with predictions.
        protocol: Says which frames count, one of `PROTOCOL_NAMES`.

    Raises:
        DataError: If either holds no folder of masks.
    """
    pair = FolderPair(find_mask_root(truth), find_mask_root(prediction))
    for given, found in ((truth, pair.truth_root), (prediction, pair.predicted_root)):
        if given != found:
            pair.notes.append(f"{given}: masks found in {found}")
    truth_videos = {folder.name: folder for folder in _sub_folders(pair.truth_root)}
    predicted_videos = {folder.name: folder for folder in _sub_folders(pair.predicted_root)}
    for name, folder in truth_videos.items():
        _pair_video(pair, folder, predicted_videos.get(name), get_protocol(protocol))
    if extra := sorted(set(predicted_videos) - set(truth_videos)):
        pair.notes.append(
            f"{pair.predicted_root}: {len(extra)} videos without truth are ignored "
            f"({shorten(extra)})"
        )
    return pair


def find_mask_root(folder: Path) -> Path:
    """Return the folder that holds one folder of PNG masks per video: `folder` or one inside it.

    A folder `Annotations`, or an only sub-folder, is looked into when there are no masks yet.

    Raises:
        DataError: If there is no such folder.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; give a folder with <video>/<frame>.png")
    inside = _sub_folders(folder)
    if any(_has_masks(sub_folder) for sub_folder in inside):
        return folder
    if _has_masks(folder):
        raise DataError(
            f"{folder}: holds the masks of one video; give the folder above it, which holds one "
            "folder per video"
        )
    named = [sub_folder for sub_folder in inside if sub_folder.name == "Annotations"]
    candidates = named or inside
    if len(candidates) == 1:
        return find_mask_root(candidates[0])
    found = f"folders {shorten([f.name for f in inside])}" if inside else "no folders"
    raise DataError(f"{folder}: no PNG masks, got {found}; expected <video>/<frame>.png inside")


def _pair_video(pair: FolderPair, truth: Path, prediction: Path | None, rules: Protocol) -> None:
    names = _frame_names(truth)
    scored = [names[t] for t in rules.scored_frames(len(names))]
    if not scored:
        pair.problems.append(
            f"{truth}: {rules.nothing_to_score(len(names))}; add the truth of the other frames or "
            "remove the video"
        )
        return
    if prediction is None:
        pair.problems.append(
            f"{pair.predicted_root / truth.name}: no such folder; predict this video too"
        )
        return
    predicted = set(_frame_names(prediction))
    if missing := [name for name in scored if name not in predicted]:
        pair.problems.append(
            f"{prediction}: {len(missing)} of {len(scored)} scored frames have no mask PNG "
            f"({shorten(missing)}); predict every frame"
        )
    if extra := sorted(predicted - set(names)):
        pair.notes.append(
            f"{prediction}: {len(extra)} frames without truth are ignored ({shorten(extra)})"
        )
    pair.videos.append(VideoPair(truth.name, truth, prediction, names, frozenset(missing)))


def _frame_names(folder: Path) -> list[str]:
    return in_order(file.stem for file in folder.glob("*.png") if not file.name.startswith("."))


def _sub_folders(folder: Path) -> list[Path]:
    return [folder / name for name in list_folder(folder).folders]


def _has_masks(folder: Path) -> bool:
    return any(not file.name.startswith(".") for file in folder.glob("*.png"))

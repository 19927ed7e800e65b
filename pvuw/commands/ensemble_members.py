"""Runs `pvuw predict` for each member of a recipe, once."""

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

import yaml

from pvuw.ensemble.recipe import EnsembleRecipe, MemberRecipe
from pvuw.errors import DataError, PvuwError
from pvuw.io.atomic import write_text_atomic
from pvuw.stop import PARENT

_MANIFEST = "videos.json"
_LOG = "log.txt"


@dataclass
class MemberRun:
    """A member that has been run, or has failed to."""

    recipe: MemberRecipe
    folder: Path
    reused: bool = False
    """All its videos were there already."""
    problem: str | None = None
    """One line: why it, or some of its videos, are missing."""


def list_inputs(images: Path, masks: Path) -> dict[str, str]:
    """Return what each video that can be predicted is, as a SHA-256 by its name.

    Names and sizes of its frames' files count, and the content of its masks. Videos that cannot be
    predicted are printed and left out.

    Raises:
        PvuwError: If no video is left.
    """
    from pvuw.io.inputs import Inputs

    known = {}
    for video in Inputs(images, masks).list():
        try:
            video.check_prompts()
        except DataError as error:
            print(f"pvuw: left out: {error}", file=sys.stderr)
            continue
        digest = hashlib.sha256()
        # A frame of a video file is named by that file.
        for path in dict.fromkeys(video.frame_paths):
            size = path.stat().st_size if path.is_file() else 0
            digest.update(f"{path.name} {size}\n".encode())
        for position in video.annotations:
            content = Path(video.annotations.place(position)).read_bytes()
            digest.update(f"{position}\n".encode() + content)
        known[video.video_id] = digest.hexdigest()
    if not known:
        raise PvuwError(f"{images}: no video can be predicted")
    return known


class MemberRunner:
    """Predicts members into `<root>/<name>-<hash>`, each video once.

    The hash is that of recipe, arguments and weights by content; what each video was is noted in
    the folder. So a finished member is never run again, a killed one goes on where it was, changed
    weights start a new folder, and a changed video is predicted again.

    Args:
        recipe: The members.
        root: Folder of all members.
        images: See `pvuw predict --data.images`.
        masks: See `--data.masks`.
    """

    def __init__(self, recipe: EnsembleRecipe, root: Path, *, images: Path, masks: Path) -> None:
        self.recipe = recipe
        self.root = root
        self.images, self.masks = images, masks
        self._processes: list[subprocess.Popen[bytes]] = []
        self._ended = False

    def run(self, videos: Mapping[str, str], *, devices: Sequence[str] = ()) -> list[MemberRun]:
        """Return what became of every member, in the order of the recipe.

        Args:
            videos: See `list_inputs`.
            devices: GPUs, each of which runs one member at a time; none: members run in turn.
        """
        from tqdm import tqdm

        free: SimpleQueue[str | None] = SimpleQueue()
        slots: list[str | None] = [*devices] or [None]
        for device in slots:
            free.put(device)

        def work(member: MemberRecipe) -> MemberRun:
            device = free.get()
            try:
                return self._run_member(member, videos, device)
            finally:
                free.put(device)

        pool = ThreadPoolExecutor(max(1, len(devices)))
        try:
            runs = pool.map(work, self.recipe.members)
            total = len(self.recipe.members)
            return list(tqdm(runs, total=total, desc="members", unit="member", disable=None))
        finally:
            pool.shutdown(wait=False, cancel_futures=True)  # first, so that none takes their place
            self._ended = True
            for process in self._processes:
                process.terminate()  # those that ended are left alone
            pool.shutdown(wait=True)

    def _run_member(
        self, member: MemberRecipe, videos: Mapping[str, str], device: str | None
    ) -> MemberRun:
        try:
            run = MemberRun(member, self.root / f"{member.name}-{member_hash(member)}")
        except (OSError, PvuwError) as error:
            return MemberRun(member, self.root / member.name, problem=f"{error}")
        self._forget_changed(run.folder, videos)
        if not self._missing(run.folder, videos):
            run.reused = True
            return run
        status = self._predict(run, videos, device)
        missing = self._missing(run.folder, videos)
        if status or missing:
            run.problem = (
                f"{len(missing)} of {len(videos)} videos missing, exit status {status}: "
                f"{_last_words(run.folder / _LOG)} ({run.folder / _LOG})"
            )
        return run

    def _predict(self, run: MemberRun, videos: Mapping[str, str], device: str | None) -> int:
        argv = ["predict", "--config", run.recipe.config, "--data", "PredictDataModule"]
        argv += ["--data.images", str(self.images), "--data.masks", str(self.masks)]
        if not (self.images.is_file() or self._is_one_video(videos)):
            names = run.folder / "videos.txt"
            names.write_text("\n".join(videos) + "\n", encoding="utf-8")
            argv += ["--data.videos", str(names)]
        argv += ["--out", str(run.folder)]
        if self.recipe.probabilities:
            argv += ["--probabilities.keep", "true"]
        if run.recipe.weights is not None:
            argv += ["--model.net.weights", run.recipe.weights]
        if run.recipe.checkpoint is not None:
            argv += ["--ckpt_path", run.recipe.checkpoint]
        return self.start([*argv, *run.recipe.args], run.folder / _LOG, device)

    def start(self, argv: list[str], log: Path, device: str | None) -> int:
        """Run one `pvuw predict` in a process of its own and return its exit status.

        Args:
            argv: Its words.
            log: Gets all it prints.
            device: The GPU it may use; None: as it likes.
        """
        environment = os.environ | {PARENT: str(os.getpid())}
        if device is not None:
            environment["CUDA_VISIBLE_DEVICES"] = device
        if not {"", str(Path.cwd())} & set(sys.path):
            environment["PYTHONSAFEPATH"] = "1"  # -m would look for modules here first
        # A command of its own and no `multiprocessing`, in whose processes `sys.argv` is still this
        # command's: with several devices Lightning would start that once more for each of them.
        command = [sys.executable, "-m", "pvuw", *argv]
        with log.open("wb") as file:
            process = subprocess.Popen(command, env=environment, stdout=file, stderr=file)
        self._processes.append(process)
        if self._ended:  # meanwhile
            process.terminate()
        return process.wait()

    def _is_one_video(self, videos: Mapping[str, str]) -> bool:
        """Whether the images are a single folder of frames."""
        return not any((self.images / name).is_dir() for name in videos) and not any(
            path.stem in videos for path in self.images.iterdir()
        )

    def _missing(self, folder: Path, videos: Mapping[str, str]) -> list[str]:
        missing = []
        for video_id in videos:
            kept = (folder / "Probabilities" / f"{video_id}.zip").is_file()
            masks = (folder / "Annotations" / video_id).is_dir()
            if not (masks and (kept or not self.recipe.probabilities)):
                missing.append(video_id)
        return missing

    def _forget_changed(self, folder: Path, videos: Mapping[str, str]) -> None:
        """Remove masks of videos that are others now, then note what the videos are."""
        manifest = folder / _MANIFEST
        noted: dict[str, str] = {}
        if manifest.is_file():
            with contextlib.suppress(ValueError):  # unreadable: nothing is known of the videos
                noted = json.loads(manifest.read_text())
        for video_id, content in videos.items():
            if noted.get(video_id) != content:
                shutil.rmtree(folder / "Annotations" / video_id, ignore_errors=True)
                (folder / "Probabilities" / f"{video_id}.zip").unlink(missing_ok=True)
        write_text_atomic(manifest, json.dumps({**noted, **videos}, indent=0))


def member_hash(member: MemberRecipe) -> str:
    """Return 12 hexadecimal digits over what decides a member's masks, beside the videos.

    Raises:
        PvuwError: If its recipe, weights or checkpoint do not exist.
    """
    from pvuw.fingerprint import file_sha256
    from pvuw.io.text import read_text
    from pvuw.recipes import recipe_files

    digest = hashlib.sha256()
    recipes = [
        yaml.safe_load(read_text(Path(file), what="a recipe (YAML)"))
        for file in recipe_files(member.config)
    ]
    digest.update(json.dumps([*recipes, member.args], sort_keys=True).encode())
    files = [("file", word) for word in member.args if Path(word).is_file()]
    files += [("weights", member.weights or ""), ("checkpoint", member.checkpoint or "")]
    for kind, name in files:
        if not name:
            continue
        if not Path(name).is_file():
            raise PvuwError(f"{kind} {name}: no such file; give --weights {member.name}=FILE")
        digest.update(f"{kind} {file_sha256(Path(name))}".encode())
    return digest.hexdigest()[:12]


def _last_words(log: Path) -> str:
    """Return the line of a log that says best what went wrong."""
    if not log.is_file():
        return "it never started"
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    ours = [line for line in lines if line.startswith("pvuw: ")]
    return next(iter([*ours, *lines[-1:]]), "it said nothing")

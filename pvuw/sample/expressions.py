"""Writing a sample in MeViS' layout: frames, sentences, and masks of the objects they mean.

`out/train` and `out/valid_u` hold `JPEGImages/<video>/00000.jpg`, `meta_expressions.json` and
`mask_dict.json`. Videos are written one after the other, so memory does not grow with their number.
"""

import json
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from types import TracebackType
from typing import Any

from pvuw.io.rle import encode
from pvuw.sample.exact import Draw
from pvuw.sample.job import Job, in_processes, write_jpeg
from pvuw.sample.sentences.choose import Sentence, choose_sentences
from pvuw.sample.sentences.facts import FactLog

FOLDERS = {"train": "train", "valid": "valid_u"}
"""Folder of each split; MeViS has the masks of `valid_u` published, and no others but `train`'s."""


@dataclass(frozen=True)
class _Told:
    """What a video comes to, besides its frames."""

    tracks: dict[int, list[dict[str, Any] | None]]
    """Runs in each frame, by object id."""
    sentences: list[Sentence]


def write_expressions(jobs: Sequence[Job], workers: int) -> dict[str, dict[str, int]]:
    """Write the videos, and return how many sentences of each kind there are, by folder."""
    counts: dict[str, dict[str, int]] = {}
    videos = zip(jobs, in_processes(_write_video, jobs, workers), strict=True)
    for folder, split in groupby(videos, key=lambda pair: FOLDERS[pair[0].video.split]):
        kinds: Counter[str] = Counter()
        with _Split(jobs[0].root / folder) as files:
            for job, told in split:
                files.add(job, told)
                kinds.update(sentence.kind for sentence in told.sentences)
        counts[folder] = dict(sorted(kinds.items()))
    return counts


def _write_video(job: Job) -> _Told:
    """Write the frames of a video and find what can be said about it."""
    log = FactLog(job.spec.size_hw, colored=job.spec.lens == "colour")
    tracks: dict[int, list[dict[str, Any] | None]] = {}
    frames = job.root / FOLDERS[job.video.split] / "JPEGImages" / job.video.video_id
    for time, sample in enumerate(job.frames()):
        write_jpeg(frames / f"{time:05d}.jpg", sample.frame)
        log.add(sample.drawn)
        for object_id in sample.states:
            mask = sample.id_map == object_id
            rle = encode(mask) if mask.any() else None
            found = rle and {"size": rle["size"], "counts": rle["counts"].decode()}
            tracks.setdefault(object_id, []).append(found)
    things = log.things()
    shown = {thing.object_id for thing in things}
    held_out = job.video.split == "valid"
    sentences = choose_sentences(Draw(job.video.seed), things, held_out=held_out)
    return _Told({k: track for k, track in tracks.items() if k in shown}, sentences)


class _Split:
    """The two files of a split, written video by video.

    Args:
        folder: The split.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open = ExitStack()
        self._videos = self._annotations = 0

    def __enter__(self) -> "_Split":
        self._folder.mkdir(parents=True, exist_ok=True)
        opened = [
            self._open.enter_context((self._folder / name).open("w", encoding="utf-8"))
            for name in ("meta_expressions.json", "mask_dict.json")
        ]
        self._meta, self._masks = opened
        self._meta.write('{"videos": {')
        self._masks.write("{")
        return self

    def add(self, job: Job, told: _Told) -> None:
        """Write a video's sentences, and the masks of all its objects."""
        annotation: dict[int, int] = {}
        for object_id, track in told.tracks.items():
            annotation[object_id] = self._annotations
            self._masks.write(",\n" if self._annotations else "\n")
            self._masks.write(f'"{self._annotations}": {json.dumps(track)}')
            self._annotations += 1
        place = {object_id: number for number, object_id in enumerate(told.tracks)}
        content = {
            "expressions": {
                str(number): {
                    "exp": sentence.text,
                    "obj_id": [place[one] for one in sentence.object_ids],
                    "anno_id": [annotation[one] for one in sentence.object_ids],
                    "kind": sentence.kind,
                    "traits": sentence.traits,
                }
                for number, sentence in enumerate(told.sentences)
            },
            "vid_id": self._videos,
            "frames": [f"{time:05d}" for time in range(job.spec.num_frames)],
        }
        self._meta.write(",\n" if self._videos else "\n")
        self._meta.write(f'"{job.video.video_id}": {json.dumps(content)}')
        self._videos += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self._meta.write("\n}}\n")
            self._masks.write("\n}\n")
        self._open.close()

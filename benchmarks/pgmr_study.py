"""Does choosing and fusing by a performance database pay? A study with known truth.

    python -m benchmarks.pgmr_study [--videos 160] [--workers 2]
    python -m benchmarks.pgmr_study --strengths dominant --shared 0.8

Generated videos, true masks spoilt in five ways, five-fold cross-validation of the database: what
is chosen or weighted for a video never knows that video. Prints the tables of
docs/ensemble_study.md; all intervals are 95 % bootstrap over videos.
"""

import argparse
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from benchmarks.pgmr_damage import MEMBERS, IdMaps, Strengths, spoil
from benchmarks.pgmr_tables import (
    Scores,
    error_table,
    group_table,
    learning_table,
    member_table,
    way_table,
)
from benchmarks.results import Run, Table, add_save
from benchmarks.tables import markdown
from pvuw.ensemble.fuse.evidence import Evidence
from pvuw.ensemble.fuse.fusion import Fuser, vote
from pvuw.ensemble.recommend.database import Level, PerformanceDatabase, PerformanceRow
from pvuw.ensemble.recommend.features import Features
from pvuw.ensemble.recommend.leader import Leader, find_leader
from pvuw.ensemble.recommend.recommender import Recommendation, Recommender
from pvuw.ensemble.recommend.select import (
    Agreements,
    Following,
    Judge,
    follow,
    judge_by_weight,
    select,
)
from pvuw.ensemble.recommend.video_meter import VideoMeter
from pvuw.metrics.accumulate import VideoScore
from pvuw.parallel import map_in_order
from pvuw.sample.cast import Scenes
from pvuw.sample.scene import generate_video
from tests.helpers.array_frames import ArrayFrames

SIZE_HW, NUM_FRAMES, FOLDS = (96, 160), 24, 5
FIRST_SEED = 90_000
PROTOCOL = "mose"
EQUAL = [1.0] * len(MEMBERS)
LEARNING = (12, 24, 48, 128)
ERROR = "error in standard deviations"
NO_LEADER = "fuse with the database, no leader looked for"


@dataclass(frozen=True)
class Spoilt:
    """One video: what the ways to answer may look at, its truth, its rows for the database."""

    video_id: str
    truth: IdMaps
    frames: IdMaps
    members: dict[str, IdMaps]
    rows: list[PerformanceRow]


def main() -> None:
    """Run the study with failures that members share, in part and not at all, and print it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--videos", type=int, default=160)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=FIRST_SEED)
    parser.add_argument("--shared", type=float, nargs="+", default=[0.8, 0.4, 0.0])
    parser.add_argument("--strengths", choices=get_args(Strengths), default="own")
    add_save(parser)
    args = parser.parse_args()
    run = Run(f"pgmr_{args.strengths.replace(' ', '_')}", args, "numpy", "opencv-python-headless")
    print(f"{args.videos} videos, {SIZE_HW[1]}x{SIZE_HW[0]}, {NUM_FRAMES} frames, {PROTOCOL}")
    tables = dict[str, Table]()
    for shared in args.shared:
        make = partial(make_video, seed=args.seed, shared=shared, strengths=args.strengths)
        videos = list(map_in_order(make, range(args.videos), workers=args.workers, name=str))
        learn = shared == args.shared[0] and args.strengths == "own"
        found = study(videos, args.workers, learn=learn)
        print(f"\nfailures shared by the members: {shared:.0%}")
        for table in found.values():
            print(markdown(asdict(table)), flush=True)
        tables |= {f"{kind}_{shared:.0%}".rstrip("%"): table for kind, table in found.items()}
    run.save(tables)


def study(videos: Sequence[Spoilt], workers: int, *, learn: bool) -> dict[str, Table]:
    """Return what one set of videos tells."""
    scores = answer_all(videos, workers)
    errors, rows = scores.pop(ERROR), [video.rows for video in videos]
    found = {
        "ways": way_table(scores),
        "members": member_table(rows),
        "errors": error_table(errors),
        "groups": group_table(rows, scores),
    }
    if learn:
        majority = scores["majority of pixels"]
        found["learning"] = learning_table(
            {n: gains(videos, majority, workers, n) for n in LEARNING}
        )
    return found


def make_video(position: int, *, seed: int, shared: float, strengths: Strengths) -> Spoilt:
    """Return one video, spoilt, and its rows for the database; every third one is calm."""
    scenes: Scenes = "calm" if position % 3 == 2 else "crowd"
    shown = list(
        generate_video(seed + position, num_frames=NUM_FRAMES, size_hw=SIZE_HW, scenes=scenes)
    )
    frames = np.stack([one.frame for one in shown])
    truth = np.stack([one.id_map for one in shown])
    named = np.zeros(256, np.uint8)  # late objects are never given to a tracker
    named[np.unique(truth[0])] = np.unique(truth[0])
    truth = named[truth]
    rng = np.random.default_rng(seed + position)
    members = spoil(truth, frames, rng, shared=shared, strengths=strengths)
    name = f"{scenes}{position:03d}"
    meter = VideoMeter(MEMBERS, data_set="generated", video_id=name, protocol=PROTOCOL)
    fuser = fuser_of(members)
    for t, label in enumerate(fuser.answers()):
        # What is chosen from are members whose exchanged ids are put right.
        maps = fuser.evidence.read(t)
        masks = {m: ids for m, ids in zip(MEMBERS, maps, strict=True) if ids is not None}
        meter.update(truth[t], label, masks, frame=frames[t])
    return Spoilt(name, truth, frames, members, meter.rows())


def fuser_of(members: Mapping[str, IdMaps], weights: Sequence[float] = EQUAL) -> Fuser:
    """Return the fusion of `pvuw ensemble fuse`; all weights the same: the pseudo-label."""
    evidence = Evidence(ArrayFrames(list(members.values())), EQUAL)
    return Fuser(evidence, weights=weights)


class Adviser:
    """What was learnt from the other folds."""

    def __init__(self, database: PerformanceDatabase, known_ids: set[str]) -> None:
        levels: tuple[Level, ...] = ("video", "object", "frame")
        kept = {
            level: [r for r in database.rows(level=level) if r.video_id in known_ids]
            for level in levels
        }
        self.of = {level: Recommender(rows) for level, rows in kept.items()}
        self.leader = {level: find_leader(rows, MEMBERS) for level, rows in kept.items()}
        self.history = {
            m: float(np.mean([r.jf for r in kept["video"] if r.member == m])) for m in MEMBERS
        }

    def by_features(self, features: Features, agreements: Agreements) -> Recommendation:
        """Judge without looking at agreement."""
        return self.of["video"].recommend(features, dict.fromkeys(agreements))


def answers(video: Spoilt, adviser: Adviser) -> dict[str, IdMaps]:
    """Return every way's answer for one video."""
    frames = ArrayFrames(list(video.members.values()))
    fuser = fuser_of(video.members)
    history, alike = list(adviser.history.values()), dict.fromkeys(MEMBERS, 1.0)
    chosen: dict[str, tuple[Judge, Level]] = {
        "`select`, no database, equal weights": (judge_by_weight(alike), "video"),
        "`select`, no database, weighted by mean J&F": (judge_by_weight(adviser.history), "video"),
        "select per video, features alone": (adviser.by_features, "video"),
        "select per frame": (adviser.of["frame"].recommend, "frame"),
    }
    return {
        **video.members,
        "majority of pixels": np.stack(list(vote(frames, EQUAL))),
        "votes weighted by mean J&F": np.stack(list(vote(frames, history))),
        "`fuse`, no database": np.stack(list(fuser.answers())),
        "`fuse`, members weighted by mean J&F": np.stack(
            list(fuser_of(video.members, history).answers())
        ),
        **{way: followed(fuser, ask(video, fuser, *how)) for way, how in chosen.items()},
        **learnt_answers(video, adviser),
    }


def learnt_answers(video: Spoilt, adviser: Adviser) -> dict[str, IdMaps]:
    """Return the answers of the three main ways that use the database."""
    fuser = fuser_of(video.members)
    objects = ask(video, fuser, adviser.of["object"].recommend, "object")
    votes = {object_id: one.vote_weights() for object_id, one in objects.pieces}
    learnt = {object_id: [by[m] for m in MEMBERS] for object_id, by in votes.items()}
    fused = np.stack(list(Fuser(fuser.evidence, learnt=learnt).answers()))
    by_video = followed(fuser, ask(video, fuser, adviser.of["video"].recommend))
    return {
        "select per video": followed_or(by_video, video, adviser.leader["video"]),
        "select per object": followed_or(followed(fuser, objects), video, adviser.leader["object"]),
        NO_LEADER: fused,
        "fuse with the database": followed_or(fused, video, adviser.leader["object"]),
    }


def followed_or(answer: IdMaps, video: Spoilt, leader: Leader | None) -> IdMaps:
    """Return the masks of a leader, which `pvuw ensemble` takes as they are, else the answer."""
    return answer if leader is None else video.members[leader.member]


def ask(video: Spoilt, fuser: Fuser, judge: Judge, level: Level = "video") -> Following:
    """Return whom a judge would follow."""
    return select(fuser, MEMBERS, judge, granularity=level, image=video.frames.__getitem__)


def followed(fuser: Fuser, selection: Following) -> IdMaps:
    """Return what `pvuw ensemble select` writes."""
    return np.stack(list(follow(fuser.evidence, selection)))


def score_video(task: tuple[Spoilt, Adviser]) -> dict[str, float]:
    """Return the J&F of every way to answer, of the best member, and of the best per object."""
    video, adviser = task
    per_object = {way: jf_of(video.truth, maps) for way, maps in answers(video, adviser).items()}
    best = np.max([per_object[member] for member in MEMBERS], axis=0)
    scores = {way: float(values.mean()) for way, values in per_object.items()}
    scores["best member of each video (needs the truth)"] = max(
        scores[member] for member in MEMBERS
    )
    scores["best member of each object (needs the truth)"] = float(best.mean())
    if (leader := adviser.leader["video"]) is not None:
        whole = leader.recommendation
    else:
        whole = ask(video, fuser_of(video.members), adviser.of["video"].recommend).pieces[0][1]
    scores[ERROR] = (scores["select per video"] - whole.expected) / whole.uncertainty
    return scores


def score_learnt(task: tuple[Spoilt, Adviser]) -> dict[str, float]:
    """Return the J&F of the main ways."""
    video, adviser = task
    found = learnt_answers(video, adviser).items()
    return {way: float(jf_of(video.truth, maps).mean()) for way, maps in found}


def jf_of(truth: IdMaps, maps: IdMaps) -> NDArray[np.float64]:
    """Return the J&F of each object, `[N]`."""
    score = VideoScore(None, PROTOCOL)
    for true, predicted in zip(truth, maps, strict=True):
        score.add(true, predicted)
    result = score.result()
    return (result.object_j + result.object_f) / 2


def answer_all(
    videos: Sequence[Spoilt],
    workers: int,
    *,
    score: Callable[[tuple[Spoilt, Adviser]], dict[str, float]] = score_video,
    recorded: int | None = None,
) -> Scores:
    """Return the scores of every way, each video advised by the other folds only.

    Args:
        videos: The set.
        workers: Processes.
        score: What to ask of each video.
        recorded: So many videos of the other folds are in the database; None: all.
    """
    with (
        tempfile.TemporaryDirectory() as folder,
        PerformanceDatabase(Path(folder) / "performance.db") as database,
    ):
        for video in videos:
            database.record(video.rows)
        advisers = []
        for fold in range(FOLDS):
            others = [v.video_id for k, v in enumerate(videos) if k % FOLDS != fold]
            advisers.append(Adviser(database, set(others[:recorded])))
            print(f"fold {fold}: {advisers[-1].leader['object']}", flush=True)
    tasks = ((video, advisers[position % FOLDS]) for position, video in enumerate(videos))
    found = list(map_in_order(score, tasks, workers=workers, name=lambda _: "scoring"))
    return {way: np.array([one[way] for one in found]) for way in found[0]}


def gains(
    videos: Sequence[Spoilt], majority: NDArray[np.float64], workers: int, recorded: int
) -> Scores:
    """Return the gains over the majority with so many videos recorded."""
    scores = answer_all(videos, workers, score=score_learnt, recorded=recorded)
    return {way: values - majority for way, values in scores.items()}


if __name__ == "__main__":
    main()

"""Builds for the tests of the report: real decisions on invented traits, small frames on disk."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np

from pvuw.io.masks import write_id_map
from pvuw.mose_plus.build.manifest import (
    BuildInfo,
    BuiltObject,
    BuiltVideo,
    ManifestEntry,
    frame_name,
    write_info,
    write_manifest,
)
from pvuw.mose_plus.config import MosePlusConfig, SelectionConfig, SourceConfig
from pvuw.mose_plus.jobs import BrokenVideo
from pvuw.mose_plus.select.distance import reference_ranges
from pvuw.mose_plus.select.duplicates import DuplicatePair
from pvuw.mose_plus.select.evaluation import EvaluationVideo
from pvuw.mose_plus.select.selection import select
from pvuw.sources.keys import VideoKey
from pvuw.traits.video_traits import VideoTraits
from tests.pvuw.mose_plus.make import clip, write_frames

ODD_ID = "<b>&\"'</b> clip"
"""An id that would break a page which does not escape it."""
COPY_ID = "burst-copy"
"""Refused for showing the same frames as mose-0002."""
LICENCES = {
    "mose": "CC BY-NC-SA 4.0, non-commercial research only",
    "davis_2017": "BSD 3-Clause",
    "ovis": "CC BY-NC-SA 4.0, non-commercial research only; the terms shown at the download decide",
    "burst": "annotations MIT; images under the terms of their origins (AVA, ArgoVerse)",
}
_FRAMES = 3


def config(**selection):
    """MOSE and three sources with limits that some videos miss."""
    sources = (
        SourceConfig(source="mose", root=Path("MOSE"), reference=True),
        SourceConfig(source="davis_2017", root=Path("DAVIS"), quota=12, min_frames=20),
        SourceConfig(source="ovis", root=Path("OVIS"), min_frames=12),
        SourceConfig(
            source="burst", root=Path("BURST"), min_frames=24, min_objects=2, min_mask_score=0.7
        ),
    )
    return MosePlusConfig(sources=sources, selection=SelectionConfig(**selection))


def invented(source, number, rng, video_id=None):
    """Traits of a video; sources differ in how hard their videos are."""
    hardness = {"mose": 1.0, "davis_2017": 0.4, "ovis": 1.1, "burst": 0.7}[source]
    objects = 1 + int(rng.poisson(2 * hardness))
    gone = float(np.clip(rng.normal(0.3 * hardness, 0.25), 0, 1))
    return VideoTraits(
        source=source,
        split="train",
        video_id=video_id or f"{source}-{number:04d}",
        num_frames=int(rng.integers(10, 110)),
        fps={"davis_2017": 24.0, "burst": 6.0}.get(source, 5.0),
        size_hw=(720, 1280),
        num_objects=objects,
        objects_per_frame=float(objects * rng.uniform(0.6, 1)),
        max_objects=objects,
        bor_mean=float(np.clip(rng.gamma(2, 0.09 * hardness), 0, 1)),
        bor_max=float(np.clip(rng.gamma(3, 0.12 * hardness), 0, 1)),
        crowding=float(np.clip(rng.normal(0.4 * hardness, 0.12), 0, 1)),
        area_collapse=float(np.clip(rng.normal(0.5 * hardness, 0.2), 0, 1)),
        motion=float(rng.gamma(2, 0.06)),
        disappearance_rate=gone,
        reappearance_rate=gone * float(rng.uniform(0, 1)),
        gap_frames=float(rng.gamma(2, 4)) if gone > 0.2 else None,
        small_share=float(np.clip(rng.normal(0.3 * hardness, 0.25), 0, 1)),
        similarity=float(np.clip(rng.normal(0.75, 0.1), 0, 1)) if objects > 1 else None,
        occlusion_label=float(rng.uniform(0, 0.7)) if source == "ovis" else None,
        mask_score=float(rng.uniform(0.6, 1)) if source == "burst" else None,
    )


def write_build(root, *, per_source=20, seed=0, **selection):
    """Write a build of `4 * per_source + 1` decisions and return its entries."""
    rng = np.random.default_rng(seed)
    settings = config(**({"min_reference": 5} | selection))
    traits = [invented(source, i, rng) for source in LICENCES for i in range(per_source)]
    traits[0] = invented("mose", 0, rng, ODD_ID)
    within = {"num_frames": 60, "num_objects": 3, "mask_score": 0.9}  # the limits of the source
    traits[-1] = replace(traits[-1], video_id="mose-0001", **within)  # as a video of MOSE is called
    traits[-2] = replace(traits[-2], video_id=COPY_ID, **within)
    pair = DuplicatePair(VideoKey("mose", "train", "mose-0002"), traits[-2].key, 0.9, 8, 8)
    decisions = select(
        traits,
        traits[:per_source],
        settings,
        duplicates=[pair],
        evaluation=[EvaluationVideo("davis_2017_val", "davis_2017-0003")],
        broken=[BrokenVideo(VideoKey("ovis", "train", "broken"), "a/00001.jpg: truncated")],
    )
    frames, id_maps = clip(seed, num_frames=_FRAMES)
    write_frames(root / ".pattern", frames)
    for t, id_map in enumerate(id_maps):
        write_id_map(root / ".pattern" / f"{frame_name(t)}.png", id_map)
    entries = [_entry(decision, number) for number, decision in enumerate(decisions)]
    for entry in entries:
        if entry.built is not None:
            _link(root, entry.built)
    write_manifest(root, entries)
    ranges = reference_ranges(traits[:per_source], settings.selection)
    lists = {"davis_2017_val": ("davis_2017-0003",)}
    write_info(
        root,
        BuildInfo(format=1, pvuw="0", config=settings, ranges=ranges, evaluation=lists),
    )
    return entries


def _entry(decision, number):
    return ManifestEntry(
        source=decision.source,
        split=decision.split,
        video_id=decision.video_id,
        reference=decision.source == "mose",
        admitted=decision.admitted,
        reason=decision.reason,
        licence=LICENCES[decision.source],
        frame_dir=f"{decision.source}/frames",
        annotations=f"{decision.source}/masks",
        distance=decision.distance,
        distances=dict(decision.distances),
        traits=decision.traits,
        duplicate_of=decision.duplicate_of,
        built=_built(number, decision.source) if decision.admitted else None,
    )


def _built(number, source):
    objects = tuple(BuiltObject(i, i, str(i), None, 1000 * i, _FRAMES) for i in (1, 2, 3))
    return BuiltVideo(
        video_id=f"{source}_{number:05d}",
        subset="valid" if number == 1 else "train",
        size_hw=(180, 320),
        frame_mode="link",
        num_encoded=0,
        source_frames=tuple(f"{10 * t:05d}.jpg" for t in range(_FRAMES)),
        objects=objects,
        frames_digest="0",
        masks_digest="0",
    )


def _link(root, built):
    for folder, suffix in ((built.frames_dir(root), ".jpg"), (built.masks_dir(root), ".png")):
        folder.mkdir(parents=True)
        for name in built.frame_names:
            os.link(root / ".pattern" / f"{name}{suffix}", folder / f"{name}{suffix}")

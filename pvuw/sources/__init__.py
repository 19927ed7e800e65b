"""Readers of the data sets MOSE+ is built from, by name. Imports neither torch nor Lightning.

Each source is read into `pvuw.io.records.VideoRecord`s: `open_source(SourceSpec("ovis", root))`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from pvuw.errors import DataError
from pvuw.sources import (
    burst,
    davis,
    lvos,
    mevis,
    mose,
    ovis,
    ref_coco,
    ref_youtube_vos,
    sav,
    sav_masklets,
    youtube_vis,
    youtube_vos,
)
from pvuw.sources.base import Reader, SourceFacts


@dataclass(frozen=True)
class SourceSpec:
    """One source as a configuration file names it."""

    source: str
    """One of `SOURCES`."""
    root: Path
    """Folder of the download; `docs/sources.md` shows what must lie in it."""
    split: str = "train"
    """Part of the source."""
    variant: str | None = None
    """DAVIS: folder of the resolution; SA-V train: `manual` or `auto` masklets. Else none."""
    exclude: list[str] = field(default_factory=list)
    """Video ids to leave out."""


def open_source(spec: SourceSpec) -> Reader:
    """Return the reader of a source; no file is opened yet.

    Raises:
        DataError: If the source or the variant is not known.
    """
    if spec.source not in SOURCES:
        raise DataError(
            f"{spec.root}: no source is called {spec.source!r}; choose from {', '.join(SOURCES)}"
        )
    return SOURCES[spec.source](spec)


def _plain(reader: Callable[..., Reader], facts: SourceFacts) -> Callable[[SourceSpec], Reader]:
    """Return an opener for a source without variants."""

    def opener(spec: SourceSpec) -> Reader:
        if spec.variant is not None:
            raise DataError(
                f"{spec.root}: {spec.source} has no variant, got {spec.variant!r}; remove it"
            )
        return reader(facts, spec.root, split=spec.split, exclude=spec.exclude)

    return opener


def _davis(facts: SourceFacts) -> Callable[[SourceSpec], Reader]:
    def opener(spec: SourceSpec) -> Reader:
        return davis.DavisReader(
            facts,
            spec.root,
            split=spec.split,
            exclude=spec.exclude,
            resolution=spec.variant or "480p",
        )

    return opener


def _sav(spec: SourceSpec) -> Reader:
    if spec.split != "train":
        return _plain(sav.SAVFolderReader, sav.FACTS)(spec)
    return sav_masklets.SAVMaskletReader(
        sav.FACTS,
        spec.root,
        split=spec.split,
        exclude=spec.exclude,
        masklets=spec.variant or "manual",
    )


SOURCES: dict[str, Callable[[SourceSpec], Reader]] = {
    mose.V1.name: _plain(mose.MoseReader, mose.V1),
    mose.V2.name: _plain(mose.MoseReader, mose.V2),
    davis.YEAR_2016.name: _davis(davis.YEAR_2016),
    davis.YEAR_2017.name: _davis(davis.YEAR_2017),
    ovis.FACTS.name: _plain(ovis.OvisReader, ovis.FACTS),
    **{
        facts.name: _plain(youtube_vis.YouTubeVISReader, facts)
        for facts in (
            youtube_vis.EDITION_2019,
            youtube_vis.EDITION_2021,
            youtube_vis.EDITION_2022,
        )
    },
    burst.FACTS.name: _plain(burst.BurstReader, burst.FACTS),
    youtube_vos.FACTS.name: _plain(youtube_vos.YouTubeVOSReader, youtube_vos.FACTS),
    lvos.FACTS.name: _plain(lvos.LVOSReader, lvos.FACTS),
    sav.FACTS.name: _sav,
    mevis.FACTS.name: _plain(mevis.MevisReader, mevis.FACTS),
    **{
        facts.name: _plain(ref_youtube_vos.RefYouTubeVOSReader, facts)
        for facts in (ref_youtube_vos.YOUTUBE_VOS, ref_youtube_vos.DAVIS)
    },
    ref_coco.FACTS.name: _plain(ref_coco.RefCocoReader, ref_coco.FACTS),
}
"""What opens each source, by its name."""

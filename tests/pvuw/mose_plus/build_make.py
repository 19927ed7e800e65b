"""Two small sources, settings for them, and builds of them."""

from pathlib import Path

from pvuw.mose_plus.build.build import build_videos
from pvuw.mose_plus.config import load_config
from pvuw.mose_plus.select.choose import choose_videos
from pvuw.sources import SourceSpec, open_source
from tests.pvuw.mose_plus.make import clip, write_record

FRAMES, SIZE_HW = 6, (96, 160)
SETTINGS = """
sources:
  - {{source: mose, root: {root}/mose, reference: true}}
  - {{source: lvos, root: {root}/lvos}}
evaluation: {{mose: none}}
selection: {{max_distance: null, min_reference: 1}}
traits: {{appearance_frames: 0}}
build: {{{build}}}
"""


def small_clip(seed, **options):
    return clip(seed, num_frames=FRAMES, size_hw=SIZE_HW, radius=9, **options)


def write_sources(root, *, mose=("0a", "0b", "0c"), lvos=("0a long", "Zz")):
    """Write MOSE- and LVOS-shaped sources; every video shows something else."""
    for seed, source, names in ((0, "mose", mose), (50, "lvos", lvos)):
        for i, name in enumerate(names):
            frames, id_maps = small_clip(seed + i)
            id_maps[id_maps == 3] = 7  # ids with gaps
            write_record(root, id_maps, frames, source=source, video_id=name)
    return root


def settings(root, *, build="", replace=()):
    """Write the YAML file and return its path."""
    text = SETTINGS.format(root=root, build=build)
    for old, new in replace:
        assert old in text
        text = text.replace(old, new)
    path = Path(root) / "settings.yaml"
    path.write_text(text)
    return path


def build(path, out, *, workers=1):
    """Choose and build without the command; return the manifest."""
    config = load_config(path)
    specs = [SourceSpec(s.source, s.root, s.split) for s in config.sources]
    records = [record for spec in specs for record in open_source(spec).records()]
    selection = choose_videos(records, config, cache=None, workers=1)
    return build_videos(selection, records, config, out=Path(out), workers=workers)


def tree(folder):
    """Everything in a folder: `{relative path: bytes, or None for a folder}`."""
    return {
        str(path.relative_to(folder)): None if path.is_dir() else path.read_bytes()
        for path in Path(folder).rglob("*")
    }


def names_in(folder):
    return sorted(path.name for path in Path(folder).iterdir())

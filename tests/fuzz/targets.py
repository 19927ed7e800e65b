"""What is fed to the readers: sound inputs with small damage. A reader takes it or refuses it."""

import contextlib
import io
import json
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import yaml
from PIL import Image

from pvuw.errors import PvuwError
from pvuw.io.frames import read_frame
from pvuw.io.mask_tree import MaskTree
from pvuw.io.masks import image_size_hw, read_mask, write_id_map
from pvuw.io.pictures import read_picture
from pvuw.io.rle import ANY_SIZE, checked_rle, decode, encode, has_pixels, measure
from pvuw.mose_plus.config import load_config
from pvuw.sources import SourceSpec, open_source
from pvuw.submit.check import check_submission
from pvuw.submit.formats import FORMATS
from pvuw.submit.pack import write_zip
from tests.fuzz.mutate import mutate_bytes, mutate_png, mutate_value
from tests.pvuw.submit.make import write_data

Case = Callable[[random.Random], None]
SIZE = (24, 32)
NAMES = ("0.jpg", "1.jpg", "2.jpg")


@contextlib.contextmanager
def refusal_is_fine() -> Iterator[None]:
    """Let one line for the user pass, and check that it is one."""
    said = "one line"
    try:
        yield
    except PvuwError as error:
        said = str(error)
    # Lists of problems are cut after ten lines.
    assert 1 <= len(said.strip().splitlines()) <= 11, said
    said.encode("utf-8", "backslashreplace")


def pictures(folder: Path) -> Case:
    """JPEG and PNG files through every reader of pictures and masks."""
    rng = np.random.default_rng(0)
    pixels = Image.fromarray(rng.integers(0, 255, (*SIZE, 3), dtype=np.uint8))
    ids = Image.fromarray(rng.integers(0, 4, SIZE, dtype=np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 1
    seeds = []
    for image, options in (
        (pixels, {"format": "JPEG", "exif": exif}),
        (pixels, {"format": "JPEG", "progressive": True}),
        (pixels.convert("CMYK"), {"format": "JPEG"}),
        (pixels, {"format": "PNG"}),
        (pixels.convert("RGBA"), {"format": "PNG", "exif": exif}),
        (pixels.convert("P"), {"format": "PNG", "transparency": 3}),
        (ids, {"format": "PNG"}),
        (ids.convert("1"), {"format": "PNG"}),
        (ids.convert("P"), {"format": "PNG", "bits": 4}),
    ):
        buffer = io.BytesIO()
        image.save(buffer, **options)
        seeds.append(buffer.getvalue())
    path = folder / "a.png"

    def case(rng: random.Random) -> None:
        content = rng.choice(seeds)
        change = mutate_png if content.startswith(b"\x89PNG") else mutate_bytes
        path.write_bytes(change(rng, content))
        for read in (read_frame, read_picture, read_mask, image_size_hw):
            with refusal_is_fine():
                read(path)

    return case


def runs(folder: Path) -> Case:
    """Run lengths and polygons in every spelling."""
    del folder
    mask = np.zeros(SIZE, bool)
    mask[3:9, 4:20] = True
    rle = {"size": list(SIZE), "counts": encode(mask)["counts"].decode()}
    listed = {"size": list(SIZE), "counts": [100, 20, 648]}
    polygon = [[1.0, 1.0, 20.5, 3.0, 9.0, 15.0], [2, 2, 9, 2, 9, 9]]
    seeds = [rle, listed, polygon, rle["counts"], None]

    def case(rng: random.Random) -> None:
        damaged = mutate_value(rng, rng.choice(seeds))
        for size_hw in (SIZE, ANY_SIZE):
            with refusal_is_fine():
                has_pixels(damaged, size_hw, place="a.json")
            with refusal_is_fine():
                found = checked_rle(damaged, size_hw, place="a.json")
                if found is not None:
                    assert decode(found).sum() == measure(found).area

    return case


def _annotation_seeds() -> dict[str, tuple[str, object]]:
    mask = np.zeros(SIZE, bool)
    mask[3:9, 4:20] = True
    counts = encode(mask)["counts"].decode()
    rle = {"size": list(SIZE), "counts": counts}
    triangle = [1, 1, 9, 1, 9, 9]
    track = {"id": 1, "video_id": 1, "category_id": 1, "segmentations": [rle, None, rle]}
    track["occlusion"] = ["no_occlusion", None, "slight_occlusion"]
    ovis = {
        "videos": [
            {"id": 1, "width": 32, "height": 24, "file_names": [f"v/{name}" for name in NAMES]}
        ],
        "annotations": [
            track,
            {**track, "id": 2, "segmentations": [[triangle], rle, []]},
        ],
        "categories": [{"id": 1, "name": "c"}],
    }
    entry = {"rle": counts, "is_gt": True, "score": 1.0}
    burst = {
        "split": "train",
        "sequences": [
            {
                **{"seq_name": "v", "dataset": "HACS", "width": 32, "height": 24},
                "all_image_paths": list(NAMES),
                "annotated_image_paths": list(NAMES),
                "track_category_ids": {"1": 1},
                "segmentations": [{"1": entry, "2": entry}, {"1": entry}, {}],
            }
        ],
        "categories": [{"id": 1, "name": "c"}],
    }
    words = {"exp": "the one", "obj_id": [0], "anno_id": [7]}
    mevis = {"videos": {"v": {"vid_id": 1, "frames": ["0", "1", "2"], "expressions": {"0": words}}}}
    masklets = {
        **{"video_height": 24.0, "video_width": 32.0, "masklet_id": [0]},
        "masklet": [[rle], [rle], [rle]],
    }
    return {
        "ovis": ("annotations_train.json", ovis),
        "burst": ("annotations/train/train.json", burst),
        "mevis": ("train/meta_expressions.json", mevis),
        "mevis masks": ("train/mask_dict.json", {"7": [rle, None, rle]}),
        "sav": ("sav_train/sav_000/v_manual.json", masklets),
    }


def write_annotations(folder: Path) -> None:
    """Write one sound annotation file of each source, and the frames they name."""
    frames = ("train/v", "frames/train/HACS/v", "train/JPEGImages/v", "JPEGImages_24fps/v")
    for place in (*frames, "sav_train/JPEGImages_24fps/v"):
        (folder / place).mkdir(parents=True)
        for name in NAMES:
            Image.new("RGB", SIZE[::-1]).save(folder / place / name)
    for name, content in _annotation_seeds().values():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(json.dumps(content))


def annotations(folder: Path) -> Case:
    """Annotation files of OVIS, BURST, MeViS and SA-V, damaged as text and as values."""
    write_annotations(folder)
    seeds = _annotation_seeds()

    def case(rng: random.Random) -> None:
        for name, content in seeds.values():
            (folder / name).write_text(json.dumps(content))
        kind = rng.choice(list(seeds))
        path = folder / seeds[kind][0]
        if rng.random() < 0.3:
            path.write_bytes(mutate_bytes(rng, path.read_bytes()))
        else:
            path.write_text(json.dumps(mutate_value(rng, seeds[kind][1])))
        with refusal_is_fine():
            for record in open_source(SourceSpec(kind.split()[0], folder)).records():
                for frame_idx in record.annotated:
                    with refusal_is_fine():
                        record.read_id_map(frame_idx)
                        record.regions(frame_idx)
                        record.qualities(frame_idx)
                        record.occlusions(frame_idx)

    return case


def settings(folder: Path) -> Case:
    """`mose_plus.yaml`."""
    content = {
        "sources": [
            {"source": "mose", "root": "d", "reference": True, "min_frames": 2},
            {"source": "ovis", "root": "o", "exclude": ["a"], "quota": 5, "min_mask_score": 0.5},
        ],
        "evaluation": {"mose": "none", "davis": ["built-in"], "others": []},
        "selection": {"weights": {"bor_mean": {"weight": 2, "typical": [0.5, 0.95]}}, "clip": 4.0},
        "build": {"frames": "link", "valid_share": 0.1},
    }
    path = folder / "mose_plus.yaml"

    def case(rng: random.Random) -> None:
        if rng.random() < 0.4:
            path.write_bytes(mutate_bytes(rng, yaml.safe_dump(content).encode()))
        else:
            with contextlib.suppress(UnicodeEncodeError):  # a value no file can hold
                path.write_text(yaml.safe_dump(mutate_value(rng, content)))
        with refusal_is_fine():
            load_config(path)

    return case


def submissions(folder: Path) -> Case:
    """Folders of predictions: damaged files, wrong names, missing frames; what passes is packed."""
    images, right = write_data(folder)
    wrong = folder / "wrong"

    def case(rng: random.Random) -> None:
        shutil.rmtree(wrong, ignore_errors=True)
        shutil.copytree(right, wrong)
        for _ in range(rng.randint(1, 3)):
            path = rng.choice(sorted(wrong.glob("*/*")))
            match rng.randrange(5):
                case 0 | 1:
                    path.write_bytes(mutate_png(rng, path.read_bytes()))
                case 2:
                    path.rename(path.with_name(rng.choice(("0.png", "x.PNG", ".a", "Thumbs.db"))))
                case 3:
                    path.unlink()
                case _:
                    write_id_map(path, np.full(SIZE, rng.randrange(256), np.uint8))
        rules = FORMATS[rng.choice(("mose", "davis", "youtube_vos"))]
        with refusal_is_fine():
            found = check_submission(MaskTree(wrong), images, rules)
            if not found.problems:
                list(write_zip(folder / "s.zip", found.masks, rules))

    return case


TARGETS: dict[str, Callable[[Path], Case]] = {
    "pictures": pictures,
    "runs": runs,
    "annotations": annotations,
    "settings": settings,
    "submissions": submissions,
}

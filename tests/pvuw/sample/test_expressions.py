import hashlib
import json
import weakref
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from datamodules import MeViSDataModule
from pvuw.errors import DataError
from pvuw.io.expressions import mirrored, speaks_of_motion
from pvuw.sample import expressions
from pvuw.sample.job import Job
from pvuw.sample.manifest import SampleSpec, planned_videos, read_manifest
from pvuw.sample.scene import plan_scene
from pvuw.sample.sentences.choose import MOST, Sentence
from pvuw.sample.sentences.meaning import vocabulary
from pvuw.sample.sentences.traits import TRAITS
from pvuw.sample.write import write_sample
from pvuw.sources.mevis import FACTS, MevisReader
from tests.pvuw.sample.sentences import oracle

SPEC = SampleSpec(20, 4, 24, (96, 172), 5, "told", expressions=True)
FOLDERS = {"train": "train", "valid": "valid_u"}


def drawn_sample(out, spec):
    """Write a sample, and return the plan and the drawn id maps of each video."""
    drawn = {}

    def frames(job):
        for frame in real(job):
            drawn.setdefault(job.video, []).append(frame.id_map)
            yield frame

    real = Job.frames
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Job, "frames", frames)
        write_sample(out, spec)
    return {video: np.stack(id_maps) for video, id_maps in drawn.items()}


def read_back(out, spec, drawn):
    """Yield each video, its sentences, its first annotation, and objects as masks show them."""
    for split, folder in FOLDERS.items():
        root, first = out / folder, 0
        meta = json.loads((root / "meta_expressions.json").read_text())["videos"]
        tracks = json.loads((root / "mask_dict.json").read_text())
        for video, id_maps in drawn.items():
            if video.split != split:
                continue
            content = meta[video.video_id]
            cast = plan_scene(video.seed, spec.size_hw, scenes=spec.scenes).cast
            looks = {actor.object_id: actor.look.described for actor in cast.actors}
            folder = root / "JPEGImages" / video.video_id
            frames = [np.asarray(Image.open(folder / f"{name}.jpg")) for name in content["frames"]]
            things = []
            for object_id in sorted(set(np.unique(id_maps).tolist()) - {0}):
                masks = oracle.decode(tracks[str(first + len(things))], spec.size_hw)
                np.testing.assert_array_equal(masks, id_maps == object_id)
                look = looks[object_id]
                things.append(oracle.Seen(masks, frames, look.species, look.surface))
            yield video, content, first, things
            first += len(things)
        assert first == len(tracks)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    out = tmp_path_factory.mktemp("told") / "out"
    return out, drawn_sample(out, SPEC)


@pytest.fixture(scope="module")
def sample(written):
    return written[0]


@pytest.fixture(scope="module")
def videos(written):
    return list(read_back(written[0], SPEC, written[1]))


def test_sentences_mean_what_masks_and_pictures_show(videos):
    said = Counter()
    for video, content, first, things in videos:
        for sentence in content["expressions"].values():
            expected = oracle.meant(sentence["traits"], things)
            assert sentence["obj_id"] == expected, (video.video_id, sentence)
            assert sentence["anno_id"] == [first + place for place in expected]
            assert (sentence["kind"] == "no target") == (not expected)
            said.update((name, bool(expected)) for name in sentence["traits"])
    never = {trait.name for trait in TRAITS} - {name for name, _ in said}
    assert len(never) <= 1, f"the told scenes show nearly everything, but {never}"
    motions = {trait.name for trait in TRAITS if trait.kind == "motion"}
    assert len({name for name, found in said if found} & motions) >= 12


def test_most_videos_have_many_sentences_about_each_kind_of_thing(videos):
    counts = [len(content["expressions"]) for _, content, _, _ in videos]
    assert max(counts) == MOST
    assert np.mean(counts) > 10
    sentences = [s for _, content, _, _ in videos for s in content["expressions"].values()]
    kinds = Counter(sentence["kind"] for sentence in sentences)
    assert set(kinds) == {"looks", "place", "motion", "no target"}
    assert kinds.most_common(1)[0][0] == "motion"
    assert sum(len(sentence["obj_id"]) > 1 for sentence in sentences) > 20
    for _, content, _, _ in videos:
        texts = [sentence["exp"] for sentence in content["expressions"].values()]
        assert len(set(texts)) == len(texts)


def test_validation_says_it_in_other_words(videos):
    texts = {"train": set(), "valid": set()}
    for video, content, _, _ in videos:
        texts[video.split] |= {s["exp"] for s in content["expressions"].values()}
    assert texts["valid"]
    assert not texts["train"] & texts["valid"]
    words = {word for text in set.union(*texts.values()) for word in text.split()}
    assert words <= set(vocabulary())


def test_the_reader_of_mevis_takes_it(sample):
    for folder, count in (("train", 20), ("valid_u", 4)):
        records = list(MevisReader(FACTS, sample, split=folder).records())
        assert len(records) == count
        assert all(record.expressions for record in records)
    manifest = read_manifest(sample)
    assert manifest.spec == SPEC
    assert manifest.videos == []
    assert sum(manifest.sentences["train"].values()) == sum(
        len(record.expressions) for record in MevisReader(FACTS, sample).records()
    )


def test_the_data_module_scores_against_what_is_meant(videos, sample, tmp_path):
    module = MeViSDataModule(sample, index=tmp_path, predict="valid_u")
    asked = {query.query_id: query for query in module.val_queries()}
    number = 0
    for video, content, _, things in videos:
        for name, sentence in content["expressions"].items() if video.split == "valid" else ():
            query = asked[f"{video.video_id}/{name}"]
            assert query.prompt == sentence["exp"]
            masks = [things[place].masks for place in sentence["obj_id"]]
            expected = np.any(masks, axis=0) if masks else np.zeros((24, *SPEC.size_hw), bool)
            for time in (0, 11, 23):
                shown = query.truth.id_map(time, SPEC.size_hw)
                np.testing.assert_array_equal(shown > 0, expected[time])
            number += 1
    assert number == len(asked) > 40


def test_mirrored_sentences_are_those_of_the_mirrored_scene(videos):
    """Data modules mirror clips with their sentences: it must be told what each one then says."""
    sides = {"leftmost": "rightmost", "moves left": "moves right", "turns left": "turns right"}
    sides |= {"left half": "right half", "to the left of": "to the right of"}
    sides |= {right: left for left, right in sides.items()}
    for _, content, _, things in videos:
        turned = [
            oracle.Seen(one.masks[:, :, ::-1], [f[:, ::-1] for f in one.frames], *one.kind)
            for one in things
        ]
        for sentence in content["expressions"].values():
            words = sentence["exp"].split()
            said = mirrored(sentence["exp"]).split()
            swapped = [(a, b) for a, b in zip(words, said, strict=True) if a != b]
            pairs = {("left", "right"), ("leftmost", "rightmost")}
            assert set(swapped) <= pairs | {(b, a) for a, b in pairs}
            names = [sides.get(name, name) for name in sentence["traits"]]
            assert bool(swapped) == (names != sentence["traits"]), sentence
            assert oracle.meant(names, turned) == sentence["obj_id"]


def test_what_runs_one_way_only_speaks_of_motion(videos):
    """Else clips of it would be run backwards."""
    one_way = {
        *("moves left", "moves right", "moves up", "moves down", "turns left", "turns right"),
        *("stops", "starts", "leaves", "comes in"),
    }
    for _, content, _, _ in videos:
        for sentence in content["expressions"].values():
            if one_way & set(sentence["traits"]):
                assert speaks_of_motion(sentence["exp"]), sentence


def test_processes_write_the_same_files(tmp_path):
    spec = SampleSpec(3, 2, 6, (48, 80), 1, "told", expressions=True)
    write_sample(tmp_path / "one", spec)
    write_sample(tmp_path / "two", spec, workers=2)
    files = [path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*.*")]
    assert len(files) == 1 + 2 * 2 + 5 * 6
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


# A change of these is a change of everybody's sample: raise manifest.GENERATOR with it.
FROZEN = {"meta_expressions.json": "050647598a9e2cd9", "mask_dict.json": "8fd110b057163fd5"}


def test_sentences_and_masks_are_frozen(sample):
    for name, expected in FROZEN.items():
        assert hashlib.sha256((sample / "train" / name).read_bytes()).hexdigest()[:16] == expected


def test_no_video_is_kept_once_it_is_written(tmp_path, monkeypatch):
    kept, most = [], []

    def drawn(work, jobs, workers):
        for _ in jobs:
            most.append(sum(one() is not None for one in kept))
            told = expressions._Told({1: [None]}, [Sentence("the cow", "looks", (1,), ("cow",))])
            kept.append(weakref.ref(told))
            yield told

    monkeypatch.setattr(expressions, "in_processes", drawn)
    spec = SampleSpec(30, 2, 1, expressions=True)
    counts = expressions.write_expressions(
        [Job(tmp_path, spec, v) for v in planned_videos(spec)], 1
    )
    assert counts == {"train": {"looks": 30}, "valid_u": {"looks": 2}}
    assert max(most) <= 2
    assert len(json.loads((tmp_path / "train" / "mask_dict.json").read_text())) == 30


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_nothing_is_left_after_a_failure(tmp_path, monkeypatch, error):
    real, calls = expressions.choose_sentences, []

    def failing(*args, **options):
        calls.append(args)
        if len(calls) == 2:
            raise error
        return real(*args, **options)

    monkeypatch.setattr(expressions, "choose_sentences", failing)
    with pytest.raises((KeyboardInterrupt, DataError)):
        write_sample(tmp_path / "out", SampleSpec(3, 0, 2, (48, 80), expressions=True))
    assert len(calls) == 2
    assert list(tmp_path.iterdir()) == []


def test_a_grey_picture_is_told_without_colours(tmp_path):
    spec = SampleSpec(4, 0, 12, (96, 160), 0, "told", "thermal", expressions=True)
    write_sample(tmp_path / "out", spec)
    text = (tmp_path / "out" / "train" / "meta_expressions.json").read_text()
    videos = json.loads(text)["videos"].values()
    names = {n for v in videos for s in v["expressions"].values() for n in s["traits"]}
    assert not names & set(oracle.HUES)
    assert names

from pathlib import Path

import pytest

from pvuw.errors import DataError
from pvuw.mose_plus.build.build_config import BuildConfig
from pvuw.mose_plus.config import SelectionConfig, load_config
from pvuw.mose_plus.select.analysis import TraitConfig
from pvuw.mose_plus.select.duplicates import DuplicateConfig

SHIPPED = Path(__file__).parents[3] / "configs" / "data" / "mose_plus.yaml"
SOURCE = "{source: mose, root: data, reference: true}"


def load(tmp_path, text):
    path = tmp_path / "c.yaml"
    path.write_text(text)
    return load_config(path)


def test_shipped_file_shows_the_defaults():
    config = load_config(SHIPPED)
    assert config.selection == SelectionConfig()
    assert config.duplicates == DuplicateConfig()
    assert config.traits == TraitConfig()
    # MOSE publishes no truth of its valid videos, so a fit on the build needs some of its train.
    assert config.build == BuildConfig(valid_share=0.03)
    assert config.evaluation.davis == ("built-in",)


def test_shipped_file_names_sources_that_have_a_reader():
    from pvuw.sources import SOURCES

    config = load_config(SHIPPED)
    assert {source.source for source in config.sources} <= set(SOURCES)
    assert [s.source for s in config.sources if s.reference] == ["mose"]
    assert config.priority("mose", "train") < config.priority("ovis", "train")


def test_two_lines_are_enough(tmp_path):
    config = load(tmp_path, f"sources: [{SOURCE}]\nevaluation: {{mose: none}}")
    assert config.evaluation.mose == ("none",)
    assert config.settings("mose", "train").root == Path("data")


WEIGHTS = f"sources: [{SOURCE}]\nselection: {{weights: "


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sources: []", "none has `reference: true`"),
        ("sources: [{source: ovis, root: x}]", "none has `reference: true`"),
        (f"sources: [{SOURCE}, {SOURCE}]", "mose train is named 2 times"),
        (
            WEIGHTS + "{bor: {weight: 1}}}",
            r"selection\.weights\.bor: unknown trait; choose from bor",
        ),
        (WEIGHTS + "{bor_mean: {weight: -1}}}", "must be 0 or more, got -1"),
        (WEIGHTS + "{motion: {weight: 1, typical: [1, 0]}}}", "motion.typical: must be two quant"),
        (WEIGHTS + "{motion: {weight: 1, typical: 0.5}}}", "motion.typical: must be two quantiles"),
        (f"sources: [{SOURCE}]\nselection: {{max_distnce: 1}}", "max_distnce: unknown key"),
    ],
)
def test_wrong_settings_are_named(tmp_path, text, message):
    with pytest.raises(DataError, match=r"c\.yaml: .*" + message):
        load(tmp_path, text)


def test_source_that_is_not_in_the_file(tmp_path):
    config = load(tmp_path, f"sources: [{SOURCE}]")
    with pytest.raises(DataError, match="no entry for ovis train"):
        config.settings("ovis", "train")

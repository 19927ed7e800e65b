import pytest

from pvuw.command_line.short_forms import expand_predict
from pvuw.errors import PvuwError


def test_frames_and_masks_alone_use_the_weights_that_ship(capsys):
    words = expand_predict(["--images", "a", "--masks", "b", "--out", "c"])
    assert words == [
        *("--config", "predict/sam2_nano.yaml", "--data", "PredictDataModule"),
        *("--data.images", "a", "--data.masks", "b", "--out", "c"),
    ]
    assert capsys.readouterr().err.count("\n") == 1


def test_a_network_and_weights_of_ones_own(capsys):
    words = expand_predict(["--images=a", "--masks=b", "--net", "xmem", "--weights", "w.pth"])
    assert words[:2] == ["--config", "predict/xmem.yaml"]
    assert words[-2:] == ["--model.net.weights", "w.pth"]
    assert capsys.readouterr().err == ""


def test_a_recipe_of_ones_own_is_kept():
    words = expand_predict(["--images", "a", "--masks", "b", "--config", "mose/sam2_nano.yaml"])
    assert "predict/sam2_nano.yaml" not in words
    assert words[:2] == ["--data", "PredictDataModule"]


def test_words_instead_of_masks():
    words = expand_predict(["--images", "a", "--text", "the dog", "--config", "mine.yaml"])
    assert words == [
        *("--data", "PredictDataModule", "--data.images", "a", "--data.text", "the dog"),
        *("--config", "mine.yaml"),
    ]


def test_long_forms_pass_unchanged():
    words = ["--config", "x.yaml", "--data.images", "a"]
    assert expand_predict(words) == words


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["--images", "a"], "--images a: needs --masks PATH too"),
        (["--text", "a", "--config", "c"], "--text a: needs --images PATH too"),
        (["--text", "a", "--images", "b"], "knows no words; give --config RECIPE"),
        (["--masks", "a"], "--masks a: needs --images PATH too"),
        (["--images"], "--images: is given no value"),
        (["--images", "a", "--masks", "b", "--net", "xmen"], "did you mean xmem?"),
    ],
)
def test_mistakes(words, part):
    with pytest.raises(PvuwError, match=part.replace("?", r"\?")):
        expand_predict(words)

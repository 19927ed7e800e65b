import hashlib
import json

import pytest

from pvuw import __version__
from pvuw.errors import DataError
from pvuw.submit.check import Submission
from pvuw.submit.formats import FORMATS
from pvuw.submit.manifest import build_manifest, find_recipe, manifest_path


def manifest(tmp_path, recipe):
    content = tmp_path / "content"
    content.write_bytes(b"zip")
    submission = Submission(masks={"a": [tmp_path / "0.png"]})
    out = tmp_path / "nano.zip"
    text = build_manifest(out, content, submission=submission, rules=FORMATS["mose"], recipe=recipe)
    return json.loads(text)


def test_names_recipe_checkpoint_and_versions(tmp_path):
    checkpoint = tmp_path / "best.ckpt"
    checkpoint.write_bytes(b"weights")
    recipe = tmp_path / "predict.yaml"
    recipe.write_text(
        f"ckpt_path: {checkpoint}\nmodel:\n  net: {{weights: {tmp_path}/gone.pt, size: nano}}\n"
    )
    found = manifest(tmp_path, recipe)
    assert found["sha256"] == hashlib.sha256(b"zip").hexdigest()
    assert (found["zip"], found["format"], found["masks"]) == ("nano.zip", "mose", 1)
    assert found["checkpoints"] == [
        {
            "key": "ckpt_path",
            "file": str(checkpoint),
            "sha256": hashlib.sha256(b"weights").hexdigest(),
        },
        {"key": "model.net.weights", "file": f"{tmp_path}/gone.pt", "sha256": None},
    ]
    assert found["recipe"]["model"]["net"]["size"] == "nano"
    assert found["versions"]["pvuw"] == __version__
    assert found["versions"]["torch"]


def test_recipe_of_prediction_comes_before_that_of_training(tmp_path):
    masks = tmp_path / "run" / "Annotations"
    masks.mkdir(parents=True)
    assert find_recipe(masks) is None
    (tmp_path / "run" / "config.yaml").touch()
    assert find_recipe(masks).name == "config.yaml"
    (tmp_path / "run" / "predict.yaml").touch()
    assert find_recipe(masks).name == "predict.yaml"


def test_without_recipe_the_manifest_says_so(tmp_path):
    found = manifest(tmp_path, None)
    assert (found["recipe"], found["checkpoints"]) == (None, [])
    assert manifest_path(tmp_path / "a.zip") == tmp_path / "a.manifest.json"


@pytest.mark.parametrize("text", ["a: [", "just words"])
def test_broken_recipe_is_refused(tmp_path, text):
    recipe = tmp_path / "predict.yaml"
    recipe.write_text(text)
    with pytest.raises(DataError, match=r"predict\.yaml: .*remove it"):
        manifest(tmp_path, recipe)

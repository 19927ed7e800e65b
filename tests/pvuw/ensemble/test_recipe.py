from pathlib import Path

import pytest

from pvuw.ensemble.recipe import MemberRecipe, read_recipe, with_weights
from pvuw.errors import PvuwError


def read(text):
    Path("recipe.yaml").write_text(text)
    return read_recipe(Path("recipe.yaml"))


def test_a_recipe_is_read_with_its_defaults():
    recipe = read(
        "method: fuse\nmembers:\n  a: {config: x.yaml, weight: 0.7}\n  b: {config: y.yaml}"
    )
    assert recipe.members == (
        MemberRecipe("a", "x.yaml", weight=0.7),
        MemberRecipe("b", "y.yaml"),
    )
    assert (recipe.method, recipe.granularity, recipe.probabilities) == ("fuse", "video", True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("members: {}", "it needs 'members"),
        ("- a", "it needs 'members"),
        ("a: [", "not valid YAML"),
        (
            "members: {a: {config: x}}\nmetod: fuse",
            "metod: unknown key; did you mean method? choose from",
        ),
        (
            "members: {a: {config: x, net: y}}",
            "members.a.net: unknown key; choose from name, config",
        ),
        ("members: {a: {weight: 1}}", "members.a.config: missing; it has no default, add it"),
        (
            "members: {a: {config: x, weight: high}}",
            "members.a.weight: must be of type float, got 'high'",
        ),
        ("members: {a: x.yaml}", "members.a: must be keys and values, got 'x.yaml'"),
        ("members: {a: {config: x}}\nmethod: guess", "method is 'guess'; choose one of vote, fuse"),
    ],
)
def test_mistakes_are_named_in_one_line(text, message):
    with pytest.raises(PvuwError, match=r"^recipe.yaml: ") as caught:
        read(text)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_weights_from_the_command_line_win():
    recipe = read("members:\n  a: {config: x.yaml, weights: old.pt}\n  b: {config: y.yaml}")
    given = with_weights(recipe, ["a=new.pt"])
    assert [member.weights for member in given.members] == ["new.pt", None]
    with pytest.raises(PvuwError, match=r"--weights c=x\.pt: must be NAME=FILE with NAME a member"):
        with_weights(recipe, ["c=x.pt"])

"""`pvuw predict --images … --masks … --out …`, in the words of a recipe."""

import sys
from collections.abc import Sequence

from pvuw.errors import PvuwError, suggestion
from pvuw.recipes import config_dir

_LONG = {
    "images": "data.images",
    "masks": "data.masks",
    "text": "data.text",
    "weights": "model.net.weights",
}
_DEFAULT_NET = "sam2_nano"


def expand_predict(words: Sequence[str]) -> list[str]:
    """Return a command line of `predict` with its short options written out.

    `--images`, `--masks` and `--text` mean anything the prediction data module reads, and choose
    it; `--net NAME` means the recipe `predict/NAME.yaml`, which other recipes may follow, and
    `--weights FILE` the network's weights.

    Args:
        words: The command line without `predict`.

    Raises:
        PvuwError: If an option lacks its value, frames their masks, or `--net` names no recipe.

    Example:
        >>> expand_predict(["--config", "a.yaml", "--images", "x", "--masks=y"])[:4]
        ['--data', 'PredictDataModule', '--data.images', 'x']
    """
    given: dict[str, str] = {}
    others: list[str] = []
    rest = iter(words)
    for word in rest:
        flag, joined, value = word.partition("=")
        name = flag.removeprefix("--")
        if not flag.startswith("--") or name not in (*_LONG, "net"):
            others.append(word)
        elif found := value if joined else next(rest, ""):
            given[name] = found
        else:
            raise PvuwError(f"{flag}: is given no value; see pvuw predict --help")
    flags = {word.partition("=")[0] for word in others}
    all_given = {*given, *(flag.removeprefix("--data.") for flag in flags)}
    for one, others_of_it, what in (
        ("images", {"masks", "text"}, "--masks PATH"),
        ("masks", {"images"}, "--images PATH"),
        ("text", {"images"}, "--images PATH"),
    ):
        if one in given and not others_of_it & all_given:
            raise PvuwError(f"--{one} {given[one]}: needs {what} too; see pvuw predict --help")
    if "text" in given and not ({"net"} & {*given} or flags & {"-c", "--config", "--model.net"}):
        raise PvuwError(
            f"--text {given['text']!r}: the network of predict/{_DEFAULT_NET}.yaml knows no words; "
            "give --config RECIPE of one that does"
        )
    recipe = []
    if "net" in given or ("images" in given and not flags & {"-c", "--config"}):
        recipe = ["--config", _recipe(given)]
    chosen = ["--data", "PredictDataModule"] if "images" in given else []
    written = [(f"--{long}", given[name]) for name, long in _LONG.items() if name in given]
    return [*recipe, *chosen, *(word for pair in written for word in pair), *others]


def _recipe(given: dict[str, str]) -> str:
    """The recipe of the network; says which one it is where the user did not."""
    net = given.get("net", _DEFAULT_NET)
    known = sorted(path.stem for path in (config_dir() / "predict").glob("*.yaml"))
    if net not in known:
        there = f"there are {', '.join(known)}"
        raise PvuwError(
            f"--net {net}: no recipe predict/{net}.yaml{suggestion(net, known, listed=0)} "
            f"({there}); see pvuw predict --help"
        )
    if "net" not in given:
        weights = f"the weights {given['weights']}" if "weights" in given else "its shipped weights"
        print(
            f"pvuw: predict/{net}.yaml with {weights}; --net NAME chooses a larger network",
            file=sys.stderr,
        )
    return f"predict/{net}.yaml"

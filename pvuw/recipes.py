"""Where recipes are: beside the package when installed, at the root of a checkout."""

from pathlib import Path

from pvuw.errors import PvuwError


def config_dir() -> Path:
    """The folder of shipped recipes, in a wheel, an editable install or a plain checkout."""
    package = Path(__file__).parent
    shipped = package / "configs"
    return shipped if shipped.is_dir() else package.parent / "configs"


def find_config(name: str) -> str:
    """The path of a recipe: as given, else under the shipped recipes.

    Inline YAML (anything that does not end in .yaml, .yml or .json) is returned unchanged.

    Raises:
        PvuwError: If a file name exists in neither place.
    """
    if Path(name).suffix not in (".yaml", ".yml", ".json") or Path(name).is_file():
        return name
    shipped = config_dir() / name
    if shipped.is_file():
        return str(shipped)
    known = sorted(str(p.relative_to(config_dir())) for p in config_dir().rglob("*.yaml"))
    raise PvuwError(
        f"{name}: no such recipe here or under the shipped ones; shipped: {', '.join(known)}"
    )

"""Where recipes are: beside the package when installed, at the root of a checkout."""

from pathlib import Path

import yaml

from pvuw.errors import PvuwError, suggestion
from pvuw.io.text import read_text


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
    folder = str(Path(name).parent)
    near = [
        recipe for recipe in known if folder != "." and recipe.startswith(f"{folder}/")
    ] or known
    stems = [recipe.removesuffix(".yaml") for recipe in known]
    alike = suggestion(name.removesuffix(".yaml"), stems, listed=0).replace("?", ".yaml?")
    where = "are" if near == known else f"in {folder}"
    raise PvuwError(
        f"{name}: no such file here and no such recipe{alike}; shipped {where}: {', '.join(near)}"
    )


def recipe_files(name: str) -> list[str]:
    """Return a recipe and those it extends, what comes first is applied first.

    A recipe that says `extends: NAME` is that other recipe with what else it says.

    Raises:
        PvuwError: If a file does not exist, cannot be read, or extends itself.
    """
    files = [find_config(name)]
    while base := _extends(files[0]):
        found = find_config(base)
        if found in files:
            raise PvuwError(f"{files[0]}: extends {base}, which extends it; take one of them out")
        files.insert(0, found)
    return files


def _extends(file: str) -> str | None:
    if not Path(file).is_file():
        return None  # inline YAML
    try:
        said = yaml.safe_load(read_text(Path(file), what="a recipe (YAML)"))
    except yaml.YAMLError:
        return None  # whoever parses it says where it is wrong
    base = said.get("extends") if isinstance(said, dict) else None
    if base is not None and not isinstance(base, str):
        raise PvuwError(f"{file}: extends must be the name of one recipe, got {base}")
    return base

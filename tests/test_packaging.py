"""The wheel: everything in it, nothing of the tests, and it works from anywhere."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("pvuw", "lightning_modules", "datamodules", "callbacks")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    command = [*pip, "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


@pytest.mark.slow
def test_wheel_holds_every_module_and_recipe_and_nothing_else(wheel):
    names = {n for n in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in n}
    modules = {str(p.relative_to(ROOT)) for top in PACKAGES for p in (ROOT / top).rglob("*.py")}
    recipes = {f"pvuw/{p.relative_to(ROOT)}" for p in (ROOT / "configs").rglob("*.yaml")}
    pages = {
        str(p.relative_to(ROOT))
        for kind in ("html", "css", "js", "svg")
        for p in (ROOT / "pvuw").rglob(f"*.{kind}")
    }
    assert pages
    assert modules | recipes | pages <= names
    assert {name.split("/")[0] for name in names} == set(PACKAGES)


@pytest.mark.slow
def test_installed_wheel_finds_its_recipes_from_a_foreign_folder(wheel, tmp_path):
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    probe = (
        "import pvuw, pathlib; from pvuw.recipes import config_dir;"
        f"assert pathlib.Path(pvuw.__file__).is_relative_to({str(site)!r});"
        "assert config_dir().parent.name == 'pvuw', config_dir();"
        "from pvuw.cli import main;"
        "main(['fit', '--config', 'mose/sam2_nano.yaml', '--data.root', 'x', '--print_config'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", probe],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "class_path: lightning_modules.VOSModule" in done.stdout

"""The dependency table of ARCHITECTURE.md, read off the import statements."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BASE = {"pvuw", "pvuw.errors", "pvuw.types"}
FILES = BASE | {"pvuw.ops", "pvuw.io"}
NETS = FILES | {"pvuw.nets"}
ALLOWED = {
    "pvuw.errors": set(),
    "pvuw.types": set(),
    "pvuw.fingerprint": BASE,
    "pvuw.run_start": BASE,
    "pvuw.processes": BASE,
    "pvuw.stop": BASE,
    "pvuw.run_end": BASE | {"pvuw.processes", "pvuw.stop"},
    "pvuw.ops": BASE,
    "pvuw.io": BASE,
    "pvuw.draw": FILES,
    "pvuw.parallel": BASE | {"pvuw.stop"},
    "pvuw.pages": BASE,
    "pvuw.report": FILES
    | {"pvuw.parallel", "pvuw.draw", "pvuw.pages", "pvuw.metrics", "pvuw.ensemble"},
    "pvuw.submit": FILES | {"pvuw.parallel", "pvuw.fingerprint"},
    "pvuw.sample": FILES | {"pvuw.parallel"},
    "pvuw.sources": FILES | {"pvuw.parallel"},
    "pvuw.traits": FILES | {"pvuw.sources"},  # names of videos
    "pvuw.mose_plus": FILES
    | {
        "pvuw.parallel",
        "pvuw.fingerprint",
        "pvuw.draw",
        "pvuw.pages",
        "pvuw.sources",
        "pvuw.traits",
    },
    "pvuw.nets": FILES,
    "pvuw.losses": FILES,
    "pvuw.metrics": FILES | {"pvuw.parallel", "pvuw.traits"},  # which objects are hard
    "pvuw.ensemble": FILES
    | {"pvuw.metrics", "pvuw.traits", "pvuw.parallel"},  # traits of masks; scores to learn from
    "pvuw.weights": NETS,
    "pvuw.inference": NETS,
    "lightning_modules": NETS | {"pvuw.losses", "pvuw.metrics", "pvuw.inference", "pvuw.processes"},
    "datamodules": FILES | {"pvuw.sources"},
    "callbacks": FILES | {"pvuw.processes"},
}
FREE = {
    "pvuw.cli",
    "pvuw.command_line",
    "pvuw.lightning_cli",
    "pvuw.run_loggers",
    "pvuw.commands",
    "pvuw.recipes",
    "pvuw.__main__",
    "pvuw",
}
LIGHTNING_ONLY_IN = {
    "pvuw.command_line",
    "pvuw.lightning_cli",
    "lightning_modules",
    "datamodules",
    "callbacks",
}
OURS = ("pvuw", "lightning_modules", "datamodules", "callbacks")


def source_files():
    return sorted(path for top in OURS for path in (ROOT / top).rglob("*.py"))


def module_of(path):
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def unit_of(module):
    """The row of the table a module belongs to: its first two parts inside `pvuw`, else one."""
    parts = module.split(".")
    return ".".join(parts[:2]) if parts[0] == "pvuw" else parts[0]


def imports_of(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module


@pytest.mark.parametrize("path", source_files(), ids=module_of)
def test_imports_follow_the_table(path):
    unit = unit_of(module_of(path))
    if unit in FREE:
        return
    assert unit in ALLOWED, f"{unit} has no row in the table of allowed imports"
    for name in imports_of(path):
        if name.split(".")[0] in OURS:
            assert unit_of(name) in ALLOWED[unit] | {unit}, f"{path} imports {name}"


@pytest.mark.parametrize("path", source_files(), ids=module_of)
def test_lightning_stays_in_its_folders(path):
    unit = unit_of(module_of(path))
    tops = {name.split(".")[0] for name in imports_of(path)}
    if unit not in LIGHTNING_ONLY_IN:
        assert not tops & {"lightning", "wandb"}, path
    if unit != "pvuw.nets":
        assert not tops & {"hydra", "sam2"}, path

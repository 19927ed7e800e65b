"""The line every benchmark prints first."""

import datetime
import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path


def describe_machine(*packages: str) -> str:
    """Date, processor, cores, Python, package versions and commit, as one line.

    Args:
        packages: Distributions whose versions matter to the figures.
    """
    facts = machine_facts(*packages)
    versions = (f"{name} {number}" for name, number in facts["versions"].items())
    return " · ".join([facts["date"], facts["hardware"], *versions, f"commit {facts['commit']}"])


def machine_facts(*packages: str) -> dict:
    """The same as data: `date`, `hardware`, `versions` by name and `commit`."""
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "hardware": f"{_processor()}, {os.cpu_count()} cores",
        "versions": {
            "Python": platform.python_version(),
            **{name: version(name) for name in packages},
        },
        "commit": _commit(),
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def _commit() -> str:
    """The commit, and whether anything that runs differs from it: pages and results do not run."""
    commit = _git("describe", "--always") or "unknown"
    changed = _git("status", "--porcelain", "--untracked-files=no").splitlines()
    runs = [line for line in changed if not line.endswith((".md", ".json"))]
    return commit + ("-dirty" if runs else "")


def _git(*words: str) -> str:
    command = ["git", "-C", str(Path(__file__).parent.parent), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()

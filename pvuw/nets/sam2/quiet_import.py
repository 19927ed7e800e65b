"""Imports the `sam2` package without its side effect on Hydra's global state.

`sam2/__init__.py` initialises the process-wide GlobalHydra unless somebody else has, which breaks
every program that brings its own Hydra. We build networks without global Hydra, so nothing is lost.
Importing this module is enough; `pvuw.nets.sam2` does so before anything in it touches `sam2`.
"""

import importlib
from typing import Any

from hydra.core.global_hydra import GlobalHydra


def import_sam2_quietly() -> None:
    """Import `sam2` and leave GlobalHydra exactly as it was found."""
    global_hydra: Any = GlobalHydra.instance()
    found = global_hydra.hydra
    if found is None:
        # sam2 only asks whether *something* is initialised, and then keeps its hands off.
        global_hydra.hydra = object()
    try:
        importlib.import_module("sam2")
    finally:
        global_hydra.hydra = found


import_sam2_quietly()

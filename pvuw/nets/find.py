"""Finds the networks, which are known by being in this folder."""

import pkgutil
from importlib import import_module
from inspect import isabstract

import pvuw.nets
from pvuw.nets.base import VideoSegmenter


def find_networks() -> dict[str, type[VideoSegmenter]]:
    """Return every network that a recipe can name, by class name.

    All modules and packages of this folder are imported; a network is what they offer as a concrete
    `VideoSegmenter`. What a network needs only to run, it imports when it is built.

    Raises:
        ValueError: If two have one name, so that a recipe could not tell them apart.

    Example:
        >>> "Sam2" in find_networks()
        True
    """
    found: dict[str, type[VideoSegmenter]] = {}
    for place in pkgutil.iter_modules(pvuw.nets.__path__):
        module = import_module(f"pvuw.nets.{place.name}")
        kinds = [item for item in vars(module).values() if isinstance(item, type)]
        for kind in kinds:
            if not issubclass(kind, VideoSegmenter) or isabstract(kind):
                continue
            if found.setdefault(kind.__name__, kind) is not kind:
                raise ValueError(f"two networks are called {kind.__name__}")
    return found

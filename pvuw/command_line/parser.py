"""Lightning's parser, which also knows which class its options belong to."""

from collections.abc import Sequence
from dataclasses import is_dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from jsonargparse import Namespace
from lightning.pytorch.cli import LightningArgumentParser


class RecordingParser(LightningArgumentParser):
    """Lightning's parser, which also remembers which class each group of options belongs to."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.classes: dict[str, type] = {}
        self.kinds: dict[str, Any] = {}
        self.set_by: dict[str, str] = {}
        # Else the beginning of an option's name would do, and of two options the wrong one.
        super().__init__(*args, **{"exit_on_error": False, "allow_abbrev": False, **kwargs})

    def add_argument(self, *args: Any, **kwargs: Any) -> Any:
        """Declare one option and remember of which kind it is."""
        if "type" in kwargs and isinstance(self, RecordingParser):  # groups inherit this method
            name = args[-1].removeprefix("--")
            known = self.classes if is_dataclass(kwargs["type"]) else self.kinds
            known[name] = kwargs["type"]
        return super().add_argument(*args, **kwargs)

    def add_lightning_class_args(
        self, lightning_class: Any, nested_key: str, *args: Any, **kwargs: Any
    ) -> list[str]:
        """Declare a class's arguments and remember the class."""
        self.classes[nested_key] = lightning_class
        return super().add_lightning_class_args(lightning_class, nested_key, *args, **kwargs)

    def link_arguments(self, source: Any, target: str, *args: Any, **kwargs: Any) -> None:
        """Let one option decide another, and remember which."""
        self.set_by[target] = source if isinstance(source, str) else " and ".join(source)
        super().link_arguments(source, target, *args, **kwargs)


def configs_first(words: Sequence[str]) -> list[str]:
    """Return a command line with its `--config` in front, so that flags win wherever they stand.

    Example:
        >>> configs_first(["fit", "--out", "runs/a", "--config", "a.yaml", "-c", "b.yaml"])
        ['fit', '--config', 'a.yaml', '-c', 'b.yaml', '--out', 'runs/a']
    """
    configs, others = [], []
    rest = iter(words[1:])
    for word in rest:
        if word in ("-c", "--config"):
            configs += [word, *[value for value in [next(rest, None)] if value is not None]]
        elif word.startswith("--config="):
            configs.append(word)
        else:
            others.append(word)
    return [*words[:1], *configs, *others]


def restore_nulls(config: Namespace, words: Sequence[str]) -> None:
    """Make None again of what null became where a flag gave it to a class within a class.

    jsonargparse 4.53 hands such a value on as text: a path or a name that reads "None".
    """
    for word, following in pairwise([*words, ""]):
        name, joined, value = word.partition("=")
        if name.startswith("--") and (value if joined else following) in ("null", "~"):
            *path, last = name[2:].split(".")
            node: Any = config
            for part in path:
                node = node.get(part) if isinstance(node, Namespace) else None
                node = node.get("init_args", node) if isinstance(node, Namespace) else None
            if isinstance(node, Namespace) and node.get(last) in ("None", Path("None")):
                node[last] = None

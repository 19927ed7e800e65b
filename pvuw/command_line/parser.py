"""Lightning's parser, which also knows which class its options belong to."""

import re
from collections.abc import Sequence
from dataclasses import is_dataclass
from typing import Any

from lightning.pytorch.cli import LightningArgumentParser


class RecordingParser(LightningArgumentParser):
    """Lightning's parser, which also remembers which class each group of options belongs to."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.classes: dict[str, type] = {}
        self.kinds: dict[str, Any] = {}
        self.set_by: dict[str, str] = {}
        # Else the beginning of an option's name would do, and of two options the wrong one.
        super().__init__(*args, **{"exit_on_error": False, "allow_abbrev": False, **kwargs})

    def parse_args(self, args: Any = None, *more: Any, **kwargs: Any) -> Any:
        """Parse words; `null` reaches options inside of classes as null.

        For these jsonargparse 4.53 loads the value and writes it down again as `--key=value` for
        the parser of the class, which is of this type too: there null has become the word None.
        """
        if args is not None and len(args) == 1 and (nothing := _NOTHING.fullmatch(args[0])):
            args = [f"{nothing[1]}null"]
        return super().parse_args(args, *more, **kwargs)

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


_NOTHING = re.compile(r"(--[\w.]+=)None")


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

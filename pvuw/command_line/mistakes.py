"""Where a recipe or a flag went wrong, once Lightning's parser has refused it.

The parser is the judge; this finds the reason. It goes through the files and flags in the order
they apply, with the classes they choose, and asks of every key whether its class has it and of
every value whether it is of its kind, with a parser for that one key.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, is_dataclass
from pathlib import Path
from typing import Any

from jsonargparse import ArgumentError, Namespace
from lightning.pytorch.accelerators import AcceleratorRegistry
from lightning.pytorch.strategies import StrategyRegistry

from pvuw.command_line.config_classes import (
    ClassKeys,
    class_names,
    find_class,
    keys_of,
    names_beside,
    say_kind,
)
from pvuw.command_line.parser import RecordingParser
from pvuw.command_line.settings import OWN_FLAGS, Mistake, Setting, read_file, read_settings
from pvuw.errors import PvuwError, suggestion


def explain(
    words: Sequence[str], parser: RecordingParser, base: Path, error: ArgumentError
) -> PvuwError:
    """Return the one line that tells a user what the parser refused.

    Args:
        words: The command line, its `--config` first.
        parser: The parser of its command.
        base: The file of defaults that is read before any other.
        error: What the parser said.
    """
    command = f"pvuw {words[0]}"
    try:
        walk = _Walk(parser, command)
        for setting in [read_file(str(base), name=base.name), *read_settings(words[1:], command)]:
            walk.check(setting)
        walk.check_complete()
    except PvuwError as mistake:
        return mistake
    # Nothing of that kind: what the parser said, in one line.
    said = " ".join(str(error.message).split())
    return PvuwError(f"{said[:400]}; see {command} --help")


def explain_trainer(command: str, options: Namespace, error: Exception) -> PvuwError:
    """Return the one line for a trainer that cannot be built: what was asked for, and why not.

    Args:
        command: Such as `pvuw fit`.
        options: The trainer's.
        error: What Lightning raised.
    """
    known = {
        "accelerator": [*AcceleratorRegistry.available_accelerators(), "gpu", "auto"],
        "strategy": [*StrategyRegistry.available_strategies(), "auto"],
    }
    for key, names in known.items():
        name = options[key]
        if isinstance(name, str) and name not in names and f"{key} name" in str(error):
            return PvuwError(
                f"trainer.{key} {name}: no such {key}{suggestion(name, names, listed=0)}; "
                f"see {command} --help all"
            )
    said = str(error).strip().splitlines()[0].rstrip(".")
    given = {key: options[key] for key in ("accelerator", "devices", "strategy", "precision")}
    shown = ", ".join(f"trainer.{key} {value}" for key, value in given.items() if value is not None)
    return PvuwError(f"{shown}: {said}; see {command} --help all")


@dataclass
class _Walk:
    """Goes through settings in order, with the classes chosen so far."""

    parser: RecordingParser
    command: str
    chosen: dict[str, Any] = field(default_factory=dict)
    """The class of each place, such as `model.net`, that a setting named."""
    given: dict[str, set[str]] = field(default_factory=dict)
    """The arguments that were given to the class of each place."""

    def check(self, setting: Setting) -> None:
        """Raise the first mistake of a file or flag."""
        known = {*self.parser.classes, *self._plain()}
        for key, value in setting.content.items():
            name = key.removesuffix("+")
            if name not in known:
                self._unknown(setting, name, name, sorted({*known, "config"}), "there is")
            if name in self.parser.classes:
                self._class(setting, name, (self.parser.classes[name],), value)
            elif not isinstance(value, dict):
                self._plain_value(setting, name, value)

    def check_complete(self) -> None:
        """Raise what is missing."""
        for key in ("model", "data"):
            if key not in self.chosen:
                raise Mistake(
                    f"nothing says which {key} to use: give a recipe, such as "
                    f"--config mose/sam2_nano.yaml; see {self.command} --help"
                )
        for place, cls in self.chosen.items():
            for name in keys_of(cls).required:
                target = f"{place.replace('.', '.init_args.')}.init_args.{name}"
                if name not in self.given.get(place, ()) and target not in self.parser.set_by:
                    raise Mistake(
                        f"{place}.{name}: {cls.__name__} needs it and nothing gives it; set it in "
                        f"the recipe or as --{place}.{name}; {self._help(place, cls)}"
                    )

    def _plain(self) -> set[str]:
        defaults = self.parser.get_defaults(skip_validation=True)
        return {key.partition(".")[0] for key in defaults.keys()} - set(OWN_FLAGS)  # noqa: SIM118

    def _plain_value(self, setting: Setting, name: str, value: Any) -> None:
        if self._refusal({name: value}) != self._refusal({}):
            kind = (
                say_kind(self.parser.kinds[name]) if name in self.parser.kinds else "another kind"
            )
            raise Mistake(f"{_at(setting, name, value)}: must be {kind}; {self._help()}")

    def _refusal(self, content: dict[str, Any]) -> str | None:
        """What the parser has against this alone; that a recipe is missing, it always says."""
        try:
            self.parser.parse_object(content)
        except ArgumentError as error:
            return str(error.message)
        return None

    def _class(self, setting: Setting, place: str, bases: tuple[type, ...], value: Any) -> None:
        """Check what is given for a class: its name, its arguments, or both."""
        if isinstance(value, str) and Path(value).suffix in (".yaml", ".yml") and value:
            value, setting = (nested := read_file(value, name=value)).content, nested
        if isinstance(value, str):
            value = {"class_path": value}
        if not isinstance(value, dict):
            return
        if (name := value.get("class_path")) is not None:
            self._choose(setting, place, bases, str(name))
        cls = self.chosen.get(place) or (bases[0] if place in self.parser.classes else None)
        if cls is None and len(bases) == 1 and not class_names(bases)[1:]:
            cls = bases[0]
        arguments = value.get("init_args", {}) if {"class_path", "init_args"} & {*value} else value
        more = {
            k: v for k, v in value.items() if k not in ("class_path", "init_args", "dict_kwargs")
        }
        if cls is not None and isinstance(arguments, dict):
            self._arguments(setting, place, cls, {**more, **arguments})

    def _choose(self, setting: Setting, place: str, bases: tuple[type, ...], name: str) -> None:
        found = find_class(name, bases)
        names = class_names(bases)
        there = (
            f" (there are {', '.join(names[:20])}{', …' if names[20:] else ''})" if names else ""
        )
        if found is None:
            if not class_names([base for base in bases if not is_dataclass(base)]):
                raise Mistake(
                    f"{_at(setting, place, name)}: must be keys and values of "
                    f"{' or '.join(names)}; {self._help(place)}"
                )
            beside = names_beside(name)
            alike = suggestion(name.rpartition(".")[2], [*beside, *names], listed=0)
            raise Mistake(
                f"{_at(setting, f'{place}.class_path')}: no class {name}{alike}{there}; "
                f"{self._help(place)}"
            )
        if isinstance(found, type) and not issubclass(found, bases):
            raise Mistake(
                f"{_at(setting, f'{place}.class_path')}: {name} is no {bases[0].__name__}{there}; "
                f"{self._help(place)}"
            )
        if self.chosen.get(place) not in (None, found):  # what was under the other class is dropped
            inner = [key for key in self.chosen if key.startswith(f"{place}.")]
            for key in inner:
                del self.chosen[key]
        self.chosen[place] = found

    def _arguments(self, setting: Setting, place: str, cls: Any, arguments: dict[str, Any]) -> None:
        keys = keys_of(cls)
        for key, value in arguments.items():
            name = str(key).removesuffix("+")
            where = f"{place}.{name}"
            if by := self.parser.set_by.get(where):
                raise Mistake(f"{_at(setting, where)}: is set by --{by}; set that")
            if name not in keys.names:
                owner, others = f"{cls.__name__} has", self._who_has(place, name)
                self._unknown(setting, where, name, keys.names, owner, cls=cls, others=others)
            self.given.setdefault(place, set()).add(name)
            self._value(setting, where, keys, name, value)

    def _value(self, setting: Setting, where: str, keys: ClassKeys, name: str, value: Any) -> None:
        classes = keys.classes(name)
        items = value if isinstance(value, list) else [value]
        for item in items if classes else []:
            place = where if item is value else f"{where}[]"
            if isinstance(item, dict | str) and not keys.accepts(name, item):
                self.chosen.pop(f"{where}[]", None)
                self._class(setting, place, classes, item)
            elif isinstance(item, dict) and (path := item.get("class_path")):
                self._choose(setting, place, classes, str(path))
                self.given.setdefault(place, set()).update(item.get("init_args") or {})
        nested = any(isinstance(item, dict) for item in items) and classes
        if not nested and not keys.accepts(name, value):
            raise Mistake(
                f"{_at(setting, where, value)}: must be {keys.kind(name)}"
                f"{keys.alike(name, value)}; {self._help(where.rpartition('.')[0], keys.cls)}"
            )

    def _who_has(self, place: str, name: str) -> str:
        """The other classes of this place that have an argument of this name."""
        if place not in self.parser.classes:
            return ""
        others = [
            cls_name
            for cls_name in class_names((self.parser.classes[place],))
            if name in keys_of(find_class(cls_name, (self.parser.classes[place],))).names
        ]
        return f", {others[0]} has: add --{place} {others[0]}" if others else ""

    def _unknown(
        self,
        setting: Setting,
        where: str,
        name: str,
        names: Sequence[str],
        owner: str,
        *,
        cls: Any = None,
        others: str = "",
    ) -> None:
        see = self._help(where.rpartition(".")[0], cls)
        alike = others or suggestion(name, names)
        raise Mistake(f"{_at(setting, where)}: {owner} no {name}{alike}; {see}")

    def _help(self, place: str = "", cls: Any = None) -> str:
        top, _, inner = place.removesuffix("[]").partition(".")
        if top not in ("model", "data"):
            return f"see {self.command} --help all"
        where = ".init_args.".join([top, inner]) if inner else top
        return f"see {self.command} --{where}.help{'' if cls is None else f' {cls.__name__}'}"


def _at(setting: Setting, where: str, value: Any = None) -> str:
    """The flag, or the file and its key."""
    if setting.is_flag:
        return setting.origin
    shown = "" if value is None else f" {value!r}"
    return f"{setting.origin}: {where}{shown}"

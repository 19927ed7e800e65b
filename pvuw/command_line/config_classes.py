"""What a class of a recipe takes: names, kinds and classes of its arguments."""

import inspect
import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import import_module
from pathlib import Path
from types import ModuleType, NoneType
from typing import Any, Literal

from jsonargparse import ArgumentError, ArgumentParser

from pvuw.errors import suggestion

_WORDS = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "text",
    Path: "a path",
    NoneType: "null",
}


@dataclass(frozen=True)
class ClassKeys:
    """The arguments of a class, or of a function that makes one."""

    cls: Any

    @cached_property
    def names(self) -> tuple[str, ...]:
        """All of them, those of base classes included."""
        return tuple(_declare(ArgumentParser(exit_on_error=False), self.cls, skip=set()))

    @cached_property
    def required(self) -> tuple[str, ...]:
        """Those without a default."""
        parameters = inspect.signature(self.cls).parameters
        return tuple(
            name
            for name in self.names
            if name in parameters and parameters[name].default is inspect.Parameter.empty
        )

    @cached_property
    def _hints(self) -> dict[str, Any]:
        hints: dict[str, Any] = {}
        made_by = [c.__init__ for c in reversed(self.cls.__mro__)] if _is_class(self.cls) else []
        for function in made_by or [self.cls]:
            try:
                hints |= typing.get_type_hints(function)
            except (NameError, TypeError):  # imported for type checkers alone, or written in C
                continue
        return hints

    def classes(self, name: str) -> tuple[type, ...]:
        """The classes an argument may be an object of; empty for numbers, text and the like."""
        return tuple(dict.fromkeys(_classes_in(self._hints.get(name))))

    def accepts(self, name: str, value: Any) -> bool:
        """Whether a value is one for this argument, as the real parser sees it."""
        parser = ArgumentParser(exit_on_error=False)
        _declare(parser, self.cls, skip={other for other in self.names if other != name})
        try:
            parser.parse_object({name: value})
        except ArgumentError:
            return False
        return True

    def kind(self, name: str) -> str:
        """What its values are, in words."""
        return say_kind(self._hints[name]) if name in self._hints else "of another kind"

    def alike(self, name: str, value: Any) -> str:
        """The choice that was probably meant; empty where there are none."""
        choices = [str(choice) for choice in _choices_in(self._hints.get(name))]
        return suggestion(str(value), choices, listed=0)


@cache
def keys_of(cls: Any) -> ClassKeys:
    """The arguments of a class."""
    return ClassKeys(cls)


def class_names(bases: Sequence[type]) -> list[str]:
    """Names of the classes a recipe may choose from, as short as it may write them."""
    found = [cls for base in bases for cls in _concrete(base)]
    return sorted({cls.__name__ for cls in found if not cls.__name__.startswith("_")})


def find_class(name: str, bases: Sequence[type]) -> Any:
    """The class (or function) a recipe means by a name; None if there is none."""
    for base in bases:
        for cls in _concrete(base):
            if name in (cls.__name__, f"{cls.__module__}.{cls.__qualname__}"):
                return cls
    module, _, attribute = name.rpartition(".")
    found = getattr(_module(module), attribute, None)
    return found if callable(found) else None


def names_beside(name: str) -> list[str]:
    """What can be called in the module of an import path; nothing where there is no such module."""
    module = _module(name.rpartition(".")[0])
    return [other for other in dir(module) if module and callable(getattr(module, other))]


def _module(name: str) -> ModuleType | None:
    try:
        return import_module(name) if name else None
    except ImportError:
        return None


def _concrete(base: type) -> list[type]:
    """A class and all below it that can be made."""
    found = [] if inspect.isabstract(base) or _is_protocol(base) else [base]
    below: list[type] = [] if base is type else base.__subclasses__()
    for sub in below:
        found += _concrete(sub)
    return found


def _is_protocol(cls: type) -> bool:
    return bool(getattr(cls, "_is_protocol", False))


def _is_class(what: Any) -> bool:
    return isinstance(what, type)


def _declare(parser: ArgumentParser, cls: Any, *, skip: set[str]) -> list[str]:
    add: Callable[..., list[str]] = (
        parser.add_class_arguments if _is_class(cls) else parser.add_function_arguments
    )
    return add(cls, fail_untyped=False, skip={*skip})


def _classes_in(hint: Any) -> list[type]:
    """Classes of a type hint that recipes name by `class_path` or fill key by key."""
    if typing.get_origin(hint) is Literal:
        return []
    arguments = typing.get_args(hint)
    if arguments:
        return [cls for argument in arguments for cls in _classes_in(argument)]
    if not isinstance(hint, type) or hint in _WORDS or hint.__module__ in ("builtins", "datetime"):
        return []
    return [hint]


def _choices_in(hint: Any) -> list[Any]:
    arguments = typing.get_args(hint)
    if typing.get_origin(hint) is Literal:
        return list(arguments)
    return [choice for argument in arguments for choice in _choices_in(argument)]


def say_kind(hint: Any) -> str:
    """What the values of a type hint are, in words.

    Example:
        >>> say_kind(int | None)
        'a whole number or null'
    """
    if hint in _WORDS:
        return _WORDS[hint]
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is dict or hint is dict:
        return "a mapping"
    if origin is Literal:
        return "one of " + ", ".join(map(str, arguments))
    if origin in (list, tuple, set, Sequence):
        return "a list of " + say_kind(arguments[0]) if arguments else "a list"
    if arguments:
        choices = ", ".join(dict.fromkeys(map(str, _choices_in(hint))))
        others = [say_kind(a) for a in arguments if not _choices_in(a)]
        return " or ".join(dict.fromkeys([*([f"one of {choices}"] if choices else []), *others]))
    return f"a {hint.__name__}" if isinstance(hint, type) else str(hint)

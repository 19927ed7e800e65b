"""The parser of the plain commands: `argparse`, whose every answer to a mistake is one line."""

import argparse
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NoReturn

from pvuw.errors import PvuwError, suggestion


class OneLineParser(argparse.ArgumentParser):
    """An `argparse` parser that answers a mistake in one line, with the nearest right name."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._words: list[str] = []

    def parse_known_args(  # type: ignore[override]  # argparse's stub has overloads
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> tuple[Any, list[str]]:
        """Parse everything; a word that nothing takes is a mistake, in an action's parser too."""
        assert args is not None, "pvuw.cli hands the words over"
        self._words = self._own(args)
        parsed, left = super().parse_known_args(args, namespace)
        if left:
            self.error(f"{left[0]}: unexpected here")
        return parsed, left

    def _own(self, words: Sequence[str]) -> list[str]:
        """The words up to the action, whose own parser gets the others."""
        actions = {name for a in self._actions if isinstance(a.choices, dict) for name in a.choices}
        ends = [place for place, word in enumerate(words) if word in actions]
        return list(words[: ends[0] + 1 if ends else len(words)])

    def error(self, message: str) -> NoReturn:
        """Raise the one line.

        Raises:
            PvuwError: Always.
        """
        wrong = self._wrong_choice(flags=False) or self._unknown_flag() or self._wrong_choice()
        raise PvuwError(f"{wrong or message}; see {self.prog} --help")

    def _unknown_flag(self) -> str | None:
        """The first word that looks like a flag and is none, nor the start of one."""
        flags = [flag for action in self._actions for flag in action.option_strings]
        for word in self._words:
            name = word.partition("=")[0]
            if word == "--":
                return None
            is_flag = name.startswith("--") or (name.startswith("-") and name[1:2].isalpha())
            if is_flag and not any(flag.startswith(name) for flag in flags):
                long = [flag for flag in flags if flag.startswith("--")]
                return f"{name}: no such option{suggestion(name, long)}"
        return None

    def _wrong_choice(self, *, flags: bool = True) -> str | None:
        """The first value that is none of an argument's fixed ones, an action's name included."""
        for action in self._actions:
            if action.choices is None or (action.option_strings and not flags):
                continue
            choices = [str(choice) for choice in action.choices]
            for value in self._values_of(action):
                if value not in choices:
                    name = [*action.option_strings, action.metavar or action.dest.upper()][0]
                    alike = suggestion(value, choices, listed=0)
                    return f"{name} {value}: must be one of {', '.join(choices)}{alike}"
        return None

    def _values_of(self, action: argparse.Action) -> list[str]:
        words = self._words
        if not action.option_strings:
            return words[:1] if words and not words[0].startswith("-") else []
        given = [w.partition("=")[2] for w in words if w.partition("=")[0] in action.option_strings]
        after = pairwise(words)
        given += [value for word, value in after if word in action.option_strings]
        return [value for value in given if value]

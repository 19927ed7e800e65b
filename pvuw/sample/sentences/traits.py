"""All that a sentence can say, each with the words for it: one row of a table per statement.

A form wraps what has been said so far, `{x}`, in the plural `{xs}`; `{s}`, `{es}`, `{be}` and
`{do}` follow its number, `{other}` is the body it is set against. Forms of the second tuple are for
validation: training never sees them, but their words all occur in forms that it does see.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

from pvuw.sample.sentences.facts import Thing
from pvuw.sample.sentences.truths import (
    Others,
    Truth,
    X,
    Y,
    comes_to_rest,
    goes_away,
    has_color,
    has_surface,
    is_beside,
    is_fastest,
    is_hidden,
    is_in_half,
    is_larger,
    is_still,
    moves,
    passes_before,
    passes_behind,
    returns,
    turns,
    turns_round,
)
from pvuw.sample.species import COLORS

SentenceKind = Literal["looks", "place", "motion", "no target"]
"""What tells the targets; `no target`: there are none, whatever it speaks of."""
Forms = tuple[str, ...]


@dataclass(frozen=True)
class Trait:
    """One statement about a body and the ways to say it."""

    name: str
    kind: SentenceKind
    holds: Callable[[Thing, Others], Truth]
    train: Forms
    held_out: Forms
    about: Literal["itself", "its class", "another"] = "itself"
    """Whom it is set against: nobody, all others the words so far mean, or one named body."""

    @property
    def before(self) -> Forms:
        """Forms that stand before the noun, for a trait inside of another."""
        return tuple(form for form in self.train if form.endswith(" {x}"))


NOUNS: dict[str, tuple[str, str]] = {
    "grazer": ("cow", "cows"),
    "walker": ("person", "people"),
    "car": ("car", "cars"),
    "fish": ("fish", "fishes"),
    "bird": ("bird", "birds"),
    "turtle": ("turtle", "turtles"),
    "jelly": ("jellyfish", "jellyfishes"),
    "animal": ("animal", "animals"),
}
"""Singular and plural of each species, and of a wider word. None for all of them: posts, stones and
bushes are objects too."""
_ANIMALS = frozenset({"grazer", "fish", "bird", "turtle", "jelly"})
SENTENCES: Forms = ("the {x}", "{x}", "look at the {x}", "search for the {x}")
SENTENCES_HELD_OUT: Forms = ("look for the {x}", "search the picture for the {x}")


def is_a(thing: Thing, noun: str) -> Truth:
    """Return whether a noun of `NOUNS` is the word for a body; people may count as animals."""
    species = thing.described.species
    if noun == "animal":
        return None if species == "walker" else species in _ANIMALS
    return species == noun


def _color(name: str) -> Trait:
    return Trait(
        name, "looks", partial(has_color, name=name),
        (f"{name} {{x}}", f"{{x}} that {{be}} {name}", f"{{x}} colored {name}"),
        (f"{{x}} that {{be}} colored {name}", f"{name} colored {{x}}"),
    )  # fmt: skip


def _moves(name: str, train: Forms, held_out: Forms, *, axis: int, sign: int) -> Trait:
    return Trait(name, "motion", partial(moves, axis=axis, sign=sign), train, held_out)


def _side(
    name: str, extreme: str, to: str, of: str, *, axis: int, sign: int
) -> tuple[Trait, Trait, Trait]:
    """Furthest on a side, in that half of the picture, and on that side of another."""
    beside = partial(is_beside, axis=axis, sign=sign)
    return (
        Trait(
            extreme, "place", beside,
            (f"{extreme} {{x}}", f"{{x}} furthest {to}"),
            (f"{{x}} that {{be}} furthest {to}", f"{{x}} that {{be}} the {extreme}"),
            about="its class",
        ),
        Trait(
            f"{name} half", "place", partial(is_in_half, axis=axis, sign=sign),
            (f"{{x}} in the {name} half of the picture", f"{{x}} in the {name} half"),
            (f"{{x}} that {{be}} in the {name} half",),
        ),
        Trait(
            of, "place", beside,
            (f"{{x}} {of} the {{other}}", f"{{x}} further {to} than the {{other}}"),
            (f"{{x}} that {{be}} {of} the {{other}}",
             f"{{x}} that {{be}} further {to} than the {{other}}"),
            about="another",
        ),
    )  # fmt: skip


TRAITS: tuple[Trait, ...] = (
    *map(_color, COLORS),
    Trait(
        "plain", "looks", partial(has_surface, name="plain"),
        ("plain {x}", "{x} without spots or stripes"),
        ("{x} that {be} plain", "{x} that {be} without stripes or spots"),
    ),
    Trait(
        "spotted", "looks", partial(has_surface, name="spots"),
        ("spotted {x}", "{x} with spots"),
        ("{x} that {be} spotted",),
    ),
    Trait(
        "striped", "looks", partial(has_surface, name="stripes"),
        ("striped {x}", "{x} with stripes"),
        ("{x} that {be} striped",),
    ),
    Trait(
        "largest", "looks", partial(is_larger, sign=1),
        ("largest {x}", "biggest {x}", "{x} that {be} larger than all other {xs}"),
        ("{x} that {be} the largest", "{x} larger than all other {xs}"),
        about="its class",
    ),
    Trait(
        "smallest", "looks", partial(is_larger, sign=-1),
        ("smallest {x}", "{x} that {be} smaller than all other {xs}"),
        ("{x} that {be} the smallest", "{x} smaller than all other {xs}"),
        about="its class",
    ),
    *_side("left", "leftmost", "to the left", "to the left of", axis=X, sign=-1),
    *_side("right", "rightmost", "to the right", "to the right of", axis=X, sign=1),
    *_side("upper", "uppermost", "up", "above", axis=Y, sign=-1),
    *_side("lower", "lowest", "down", "below", axis=Y, sign=1),
    _moves(
        "moves left",
        ("{x} moving to the left", "{x} that move{s} left", "{x} going from right to left",
         "{x} that go{es} to the left"),
        ("{x} that move{s} to the left", "{x} moving from right to left", "{x} going left"),
        axis=X, sign=-1,
    ),
    _moves(
        "moves right",
        ("{x} moving to the right", "{x} that move{s} right", "{x} going from left to right",
         "{x} that go{es} to the right"),
        ("{x} that move{s} to the right", "{x} moving from left to right", "{x} going right"),
        axis=X, sign=1,
    ),
    _moves(
        "moves up",
        ("{x} moving up", "{x} that go{es} up", "{x} going to the top"),
        ("{x} that move{s} up", "{x} moving to the top"),
        axis=Y, sign=-1,
    ),
    _moves(
        "moves down",
        ("{x} moving down", "{x} that go{es} down", "{x} going to the bottom"),
        ("{x} that move{s} down", "{x} moving to the bottom"),
        axis=Y, sign=1,
    ),
    Trait(
        "turns left", "motion", partial(turns, sign=1),
        ("{x} moving right and then left", "{x} that go{es} right and then back to the left"),
        ("{x} that move{s} right and then back to the left", "{x} going right and then left"),
    ),
    Trait(
        "turns right", "motion", partial(turns, sign=-1),
        ("{x} moving left and then right", "{x} that go{es} left and then back to the right"),
        ("{x} that move{s} left and then back to the right", "{x} going left and then right"),
    ),
    Trait(
        "turns round", "motion", turns_round,
        ("{x} turning round", "{x} that turn{s} and go{es} back"),
        ("{x} that turn{s} round", "{x} turning and going back"),
    ),
    Trait(
        "stands", "motion", is_still,
        ("{x} that stand{s} still", "{x} that {do} not move", "{x} standing in place",
         "{x} staying in place all the time"),
        ("{x} standing still", "{x} not moving", "{x} that stand{s} in place all the time"),
    ),
    Trait(
        "stops", "motion", comes_to_rest,
        ("{x} that stop{s}", "{x} moving first and then standing still", "{x} coming to a stop"),
        ("{x} that come{s} to a stop", "{x} that move{s} first and then stand{s} still"),
    ),
    Trait(
        "starts", "motion", partial(comes_to_rest, backwards=True),
        ("{x} that start{s} to move", "{x} standing still first and then moving"),
        ("{x} that stand{s} still first and then start{s} to move",
         "{x} that stand{s} still first and then move{s}"),
    ),
    Trait(
        "leaves", "motion", goes_away,
        ("{x} that leave{s} the picture", "{x} leaving and not coming back",
         "{x} that go{es} out of the picture"),
        ("{x} leaving the picture", "{x} going out of the picture",
         "{x} that leave{s} and {do} not come back"),
    ),
    Trait(
        "comes in", "motion", partial(goes_away, backwards=True),
        ("{x} that come{s} into the picture", "{x} coming in", "{x} not in the picture at first"),
        ("{x} coming into the picture", "{x} that come{s} in"),
    ),
    Trait(
        "returns", "motion", returns,
        ("{x} that leave{s} the picture and come{s} back",
         "{x} going out of the picture and then coming back"),
        ("{x} leaving the picture and coming back",
         "{x} that go{es} out of the picture and then come{s} back"),
    ),
    Trait(
        "hides", "motion", is_hidden,
        ("{x} hidden for a time", "{x} that {be} hidden behind something"),
        ("{x} that {be} hidden for a time", "{x} hidden behind something"),
    ),
    Trait(
        "passes behind", "motion", passes_behind,
        ("{x} passing behind the {other}", "{x} that pass{es} behind the {other}"),
        ("{x} that go{es} behind the {other}", "{x} going behind the {other}"),
        about="another",
    ),
    Trait(
        "passes before", "motion", passes_before,
        ("{x} passing in front of the {other}", "{x} that pass{es} in front of the {other}"),
        ("{x} that go{es} in front of the {other}", "{x} going in front of the {other}"),
        about="another",
    ),
    Trait(
        "fastest", "motion", is_fastest,
        ("fastest {x}", "{x} moving faster than all other {xs}"),
        ("{x} that move{s} faster than all other {xs}", "{x} moving the fastest"),
        about="its class",
    ),
)  # fmt: skip
"""Names are unique."""

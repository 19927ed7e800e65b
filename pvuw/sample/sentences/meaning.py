"""A sentence as nouns and traits, what it means in a scene, its words, and their list."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pvuw.sample.sentences.facts import Thing
from pvuw.sample.sentences.traits import (
    NOUNS,
    SENTENCES,
    SENTENCES_HELD_OUT,
    TRAITS,
    Forms,
    SentenceKind,
    Trait,
    is_a,
)
from pvuw.sample.sentences.truths import Others, Truth, all_of

_NUMBER = (
    {"s": "s", "es": "es", "be": "is", "do": "does"},
    {"s": "", "es": "", "be": "are", "do": "do"},
)
"""Endings for one and for several."""
Pick = Callable[[Forms], str]


@dataclass(frozen=True)
class Description:
    """What a sentence says, apart from its words."""

    noun: str
    """Of `NOUNS`."""
    traits: tuple[Trait, ...] = ()
    """Inner first: the outermost is set against what the others leave."""
    other: "Description | None" = None
    """The body the outermost trait is set against, where it is about another."""

    @property
    def kind(self) -> SentenceKind:
        """What tells the targets if there are any."""
        return self.traits[-1].kind if self.traits else "looks"

    @property
    def compares(self) -> bool:
        """Whether it names one by comparing it with all others of the class."""
        return bool(self.traits) and self.traits[-1].about == "its class"

    @property
    def names(self) -> list[str]:
        """Noun and traits, then those of the other body."""
        own = [NOUNS[self.noun][0], *(trait.name for trait in self.traits)]
        return own + (self.other.names if self.other else [])

    def words(self, pick: Pick, *, several: bool, held_out: bool = False) -> str:
        """Return the sentence.

        Args:
            pick: Chooses one of several wordings.
            several: Whether it speaks of several bodies.
            held_out: Whether to use the wordings that are kept for validation.
        """
        phrases, other = _noun_phrase(self.noun, self.traits[:-1], pick), ""
        if self.other is not None:
            other = _noun_phrase(self.other.noun, self.other.traits, pick)[0]
        if self.traits:
            outer = self.traits[-1]
            phrases = _wrap(pick(outer.held_out if held_out else outer.train), phrases, other)
        sentence = pick(SENTENCES_HELD_OUT if held_out else SENTENCES)
        return sentence.format(x=phrases[several])


def _noun_phrase(noun: str, traits: Sequence[Trait], pick: Pick) -> tuple[str, str]:
    """Return a noun after what stands before it, "red cow", for one and for several."""
    phrases = NOUNS[noun]
    for trait in traits:
        phrases = _wrap(pick(trait.before), phrases, "")
    return phrases


def _wrap(form: str, phrases: tuple[str, str], other: str) -> tuple[str, str]:
    """Put a form about what was said so far, for one and for several."""
    one, several = (
        form.format(x=phrase, xs=phrases[1], other=other, **endings)
        for phrase, endings in zip(phrases, _NUMBER, strict=True)
    )
    return one, several


class Truths:
    """What holds of the bodies of a scene; each question is answered once.

    Args:
        things: The bodies.
    """

    def __init__(self, things: Sequence[Thing]) -> None:
        self.things = things
        self._known: dict[tuple[str, int, tuple[int, ...]], Truth] = {}

    def meaning(self, description: Description) -> tuple[int, ...] | None:
        """Return the ids of the objects that a description means, or None if it is ambiguous.

        It is where a body may or may not be meant, where the body it is set against is not exactly
        one, and where one is meant that nobody annotated.
        """
        held = self.of(description)
        meant = tuple(t.object_id for t, truth in zip(self.things, held, strict=True) if truth)
        return None if None in held or 0 in meant else meant

    def of(self, description: Description) -> list[Truth]:
        """Return what a description says of each body: it is meant, it is not, or who knows."""
        truths = [is_a(thing, description.noun) for thing in self.things]
        for trait in description.traits:
            if trait.about == "itself":
                found = [self._holds(trait, thing, ()) for thing in self.things]
            elif trait.about == "its class":
                found = self._in_class(trait, truths)
            else:
                found = self._beside_another(trait, description)
            truths = [all_of(pair) for pair in zip(truths, found, strict=True)]
        return truths

    def _in_class(self, trait: Trait, members: Sequence[Truth]) -> list[Truth]:
        if None in members:
            return [None for _ in members]
        known = [thing for thing, member in zip(self.things, members, strict=True) if member]
        others = ([other for other in known if other is not thing] for thing in self.things)
        return [
            self._holds(trait, thing, rest) for thing, rest in zip(self.things, others, strict=True)
        ]

    def _beside_another(self, trait: Trait, description: Description) -> list[Truth]:
        if description.other is None:
            raise ValueError(f"{trait.name}: says nothing without another body")
        found = self.of(description.other)
        if None in found or found.count(True) != 1:
            return [None for _ in found]
        other = self.things[found.index(True)]
        return [thing is not other and self._holds(trait, thing, (other,)) for thing in self.things]

    def _holds(self, trait: Trait, thing: Thing, others: Others) -> Truth:
        key = trait.name, thing.number, tuple(other.number for other in others)
        if key not in self._known:
            self._known[key] = trait.holds(thing, others)
        return self._known[key]


def vocabulary() -> tuple[str, ...]:
    """Return every word that a generated sentence may hold, sorted: what a small tokenizer needs.

    Example:
        >>> len(vocabulary()) < 130, "leftmost" in vocabulary()
        (True, True)
    """
    forms = [*SENTENCES, *SENTENCES_HELD_OUT]
    for trait in TRAITS:
        forms += trait.train + trait.held_out
    phrases = [phrase for form in forms for phrase in _wrap(form, ("", ""), "")]
    phrases += [noun for both in NOUNS.values() for noun in both]
    return tuple(sorted({word for phrase in phrases for word in phrase.split()}))

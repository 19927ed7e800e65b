"""Which of the true sentences about a scene are said."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from pvuw.sample.exact import Draw
from pvuw.sample.sentences.facts import Thing
from pvuw.sample.sentences.meaning import Description, Truths
from pvuw.sample.sentences.traits import NOUNS, TRAITS, SentenceKind, Trait

MOST = 12
"""Sentences of a video at most."""
_KINDS: tuple[SentenceKind, ...] = (
    "motion", "motion", "motion", "motion", "place", "place", "looks", "looks", "no target",
)  # fmt: skip
"""What the next sentence is, drawn from these: MeViS is about motion."""
_ALIKE = tuple(t for t in TRAITS if t.kind == "looks" and t.about == "itself")
"""Traits that may stand inside of another."""
_Means = tuple[int, ...]


@dataclass(frozen=True)
class Sentence:
    """One sentence and what it means."""

    text: str
    kind: SentenceKind
    object_ids: _Means
    """Ascending; empty where it means nothing in the video."""
    traits: tuple[str, ...]
    """What it says, apart from the words."""


def choose_sentences(draw: Draw, things: Sequence[Thing], *, held_out: bool) -> list[Sentence]:
    """Return up to `MOST` sentences, each of which means exactly its objects.

    Args:
        draw: Source of randomness.
        things: All bodies of the video.
        held_out: Whether to use the wordings that are kept for validation.
    """
    found = _sayable(draw, things)
    said: dict[str, Sentence] = {}
    times: Counter[_Means] = Counter()
    for _ in range(4 * MOST):
        kind = draw.pick(_KINDS)
        means = [means for known, means in found if known == kind]
        if not means or len(said) == MOST:
            continue
        rarest = min(times[one] for one in means)
        target = draw.pick([one for one in means if times[one] == rarest])
        description = draw.pick(found[kind, target])
        several = len(target) > 1 or (not target and draw.chance(0.3))
        text = description.words(draw.pick, several=several, held_out=held_out)
        if text not in said:
            said[text] = Sentence(text, kind, target, tuple(description.names))
            times[target] += 1
    return list(said.values())


def _sayable(
    draw: Draw, things: Sequence[Thing]
) -> dict[tuple[SentenceKind, _Means], list[Description]]:
    """Return all descriptions whose meaning is sure, by kind and meaning."""
    truths = Truths(things)
    found: dict[tuple[SentenceKind, _Means], list[Description]] = {}
    for description in _descriptions(draw, truths):
        means = truths.meaning(description)
        # Of a class without members there is no largest: that would not be a false sentence.
        if means is not None and (means or not description.compares):
            kind = description.kind if means else "no target"
            found.setdefault((kind, means), []).append(description)
    return found


def _descriptions(draw: Draw, truths: Truths) -> Iterator[Description]:
    here = sorted({thing.described.species for thing in truths.things})
    absent = [noun for noun in NOUNS if noun not in (*here, "animal")]
    # What is unclear of everybody is not spoken of, such as colours in a grey picture.
    alike = [t for t in _ALIKE if any(t.holds(one, ()) is not None for one in truths.things)]
    others = list(_single(here, alike, truths))
    for noun in (*here, draw.pick(absent), "animal"):
        for inner in ((), *((trait,) for trait in alike)):
            yield Description(noun, inner)
            for outer in TRAITS:
                if outer in _ALIKE:
                    continue
                if outer.about != "another":
                    yield Description(noun, (*inner, outer))
                    continue
                for other in others:
                    if other.noun != noun or other.traits:
                        yield Description(noun, (*inner, outer), other)


def _single(here: Sequence[str], alike: Sequence[Trait], truths: Truths) -> Iterator[Description]:
    """Descriptions that mean one body by its looks."""
    inner: list[tuple[Trait, ...]] = [(), *((trait,) for trait in alike)]
    for noun, traits in product(here, inner):
        description = Description(noun, traits)
        held = truths.of(description)
        if None not in held and held.count(True) == 1:
            yield description

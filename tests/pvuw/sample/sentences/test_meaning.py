"""Scenes made by hand: what is plain is told, what might be taken either way is not."""

import numpy as np
import pytest

from pvuw.sample.actors import Described
from pvuw.sample.exact import Draw
from pvuw.sample.sentences.choose import choose_sentences
from pvuw.sample.sentences.facts import Thing
from pvuw.sample.sentences.meaning import Description, Truths, vocabulary
from pvuw.sample.sentences.traits import NOUNS, SENTENCES, SENTENCES_HELD_OUT, TRAITS
from pvuw.sample.species import COLORS

BY_NAME = {trait.name: trait for trait in TRAITS}
FRAMES, SIZE = 16, (100, 100)
RED, BLUE = COLORS["red"], COLORS["blue"]


def thing(
    number, *, start=(50.0, 50.0), move=(0.0, 0.0), species="fish", color=RED, area=100,
    surface="plain", object_id=None, hidden_from=FRAMES,
):  # fmt: skip
    """A body that moves evenly from a place, by `move` pixels in all."""
    steps = np.linspace(0, 1, FRAMES)[:, None]
    covered = np.zeros((FRAMES, 10), np.int64)
    covered[:hidden_from, number] = area
    return Thing(
        object_id=number if object_id is None else object_id,
        number=number,
        described=Described(species, surface, *color),
        colored=True,
        size_hw=SIZE,
        at=np.array(start) + steps * np.array(move),
        whole=np.full(FRAMES, area),
        covered=covered,
        cut=np.zeros(FRAMES, bool),
    )


def says(noun, *names, other=None):
    return Description(noun, tuple(BY_NAME[name] for name in names), other)


LEFT = (-30.0, 0.0)
STILL = thing(2, start=(50.0, 80.0))


@pytest.mark.parametrize(
    ("description", "things", "expected"),
    [
        (says("fish", "moves left"), [thing(1, move=LEFT), STILL], (1,)),
        (says("fish", "moves left"), [thing(1, move=LEFT), thing(2, move=(-3.0, 0))], (1,)),
        (says("fish", "moves left"), [thing(1, move=LEFT), thing(2, move=(-10.0, 0))], None),
        (says("fish", "moves left"), [thing(1, move=(-30.0, 25.0)), STILL], None),
        (says("bird", "moves left"), [thing(1, move=LEFT), STILL], ()),
        (says("fish", "stands"), [thing(1, move=LEFT), STILL], (2,)),
        (says("fish", "stands"), [thing(1, move=(4.0, 0.0)), STILL], None),
        (says("fish", "red"), [thing(1), thing(2, color=BLUE)], (1,)),
        (says("fish", "red"), [thing(1), thing(2, color=(0.055, 0.8, 0.9))], None),
        (says("fish", "red"), [thing(1), thing(2, color=(0.0, 0.3, 0.9))], None),
        (says("fish", "spotted"), [thing(1), thing(2, surface="rings")], None),
        (says("fish", "spotted"), [thing(1), thing(2, surface="spots")], (2,)),
        (says("fish", "largest"), [thing(1, area=151), thing(2)], (1,)),
        (says("fish", "largest"), [thing(1, area=140), thing(2)], None),
        (says("fish", "largest"), [thing(1)], None),
        (says("fish", "red", "largest"), [thing(1), thing(2, area=300, color=BLUE)], None),
        (says("fish", "leftmost"), [thing(1, start=(20, 50)), thing(2)], (1,)),
        (says("fish", "leftmost"), [thing(1, start=(45, 50)), thing(2)], None),
        (says("fish", "leftmost"), [thing(1, move=LEFT), thing(2, move=(30.0, 0))], None),
        (says("fish", "left half"), [thing(1, start=(49, 50)), STILL], None),
        (says("fish", "left half"), [thing(1, start=(30, 50)), thing(2, start=(70, 50))], (1,)),
        (says("animal", "red"), [thing(1), thing(2, species="walker")], None),
        (says("animal", "red"), [thing(1), thing(2, species="bird")], (1, 2)),
        (says("fish", "leaves"), [thing(1, hidden_from=12), STILL], None),
        (says("fish", "fastest"), [thing(1, move=LEFT), thing(2, move=(15.0, 0))], (1,)),
        (says("fish", "fastest"), [thing(1, move=LEFT), thing(2, move=(25.0, 0))], None),
    ],
)  # fmt: skip
def test_only_what_is_plain_has_a_meaning(description, things, expected):
    assert Truths(things).meaning(description) == expected


CAR = thing(3, species="car", start=(80, 50), color=BLUE)


@pytest.mark.parametrize(
    ("other", "more", "expected"),
    [
        (says("car"), [CAR], (1,)),
        (says("car"), [CAR, thing(4, species="car", start=(90, 90))], None),
        (says("car", "blue"), [CAR, thing(4, species="car", start=(90, 90))], (1,)),
        (says("car"), [], None),
    ],
)
def test_another_body_must_be_one(other, more, expected):
    things = [thing(1, start=(30, 50)), *more]
    description = says("fish", "to the left of", other=other)
    assert Truths(things).meaning(description) == expected


def test_a_twin_that_nobody_annotated_is_meant_too():
    """So that no sentence is said that means it, though all annotated objects fit."""
    twin = thing(2, start=(20, 80), move=(30.0, 0.0), object_id=0)
    one = thing(1, move=(30.0, 0.0))
    assert Truths([one]).meaning(says("fish", "moves right")) == (1,)
    assert Truths([twin, one]).meaning(says("fish", "moves right")) is None
    assert Truths([twin, one]).meaning(says("fish", "rightmost")) == (1,)
    said = choose_sentences(Draw(0), [twin, one], held_out=False)
    assert said
    assert all(0 not in sentence.object_ids for sentence in said)


def test_wordings_are_apart_and_held_out_words_are_known():
    heard = vocabulary_of(*SENTENCES, *(form for trait in TRAITS for form in trait.train))
    for trait in TRAITS:
        assert trait.train
        assert trait.held_out
        assert not set(trait.train) & set(trait.held_out)
        assert vocabulary_of(*trait.held_out) <= heard, trait.name
    assert not set(SENTENCES) & set(SENTENCES_HELD_OUT)
    assert vocabulary_of(*SENTENCES_HELD_OUT) <= heard
    nouns = {noun for both in NOUNS.values() for noun in both}
    assert heard | nouns == set(vocabulary())


def vocabulary_of(*forms):
    filled = [form.format(x="", xs="", other="", **ends) for form in forms for ends in ENDS]
    return {word for form in filled for word in form.split()}


ENDS = (
    {"s": "s", "es": "es", "be": "is", "do": "does"},
    {"s": "", "es": "", "be": "are", "do": "do"},
)


def test_no_wording_says_two_things():
    """Every way to say every trait of a kind of body, plain and after an adjective."""
    said = {}
    looks = [trait for trait in TRAITS if trait.kind == "looks" and trait.about == "itself"]
    for noun in NOUNS:
        for inner in ((), *((look,) for look in looks)):
            for outer in TRAITS:
                if outer in inner or (inner and outer in looks):
                    continue
                other = says("car", "red") if outer.about == "another" else None
                description = Description(noun, (*inner, outer), other)
                for held_out in (False, True):
                    forms = outer.held_out if held_out else outer.train
                    for number in range(len(forms)):
                        text = description.words(Nth(number), several=False, held_out=held_out)
                        assert said.setdefault(text, description) == description, text
    assert len(said) > 5000


class Nth:
    """Chooses the first wording of all but the outermost trait, of which it takes the n-th."""

    def __init__(self, number):
        self.number = number

    def __call__(self, forms):
        outer = any(forms in (trait.train, trait.held_out) for trait in TRAITS)
        return forms[self.number] if outer else forms[0]


@pytest.mark.parametrize(
    ("description", "several", "text"),
    [
        (says("grazer"), True, "the cows"),
        (says("walker", "red", "moves left"), True, "the red people moving to the left"),
        (says("fish", "stops"), False, "the fish that stops"),
        (says("fish", "stops"), True, "the fishes that stop"),
        (
            says("bird", "passes behind", other=says("car", "blue")),
            False,
            "the bird passing behind the blue car",
        ),
    ],
)
def test_words(description, several, text):
    assert description.words(lambda forms: forms[0], several=several) == text

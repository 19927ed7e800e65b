import pytest

from pvuw.io.expressions import mirrored, sentence_problem, speaks_of_motion


@pytest.mark.parametrize(
    ("text", "turned"),
    [
        ("the dog on the left", "the dog on the right"),
        ("The Left one, then the RIGHT", "The Right one, then the LEFT"),
        ("moving from left to right", "moving from right to left"),
        ("leftmost cat", "rightmost cat"),
        ("left-hand side of the right bear", "right-hand side of the left bear"),
        ("turning clockwise", "turning counterclockwise"),
        ("turning counter-clockwise", "turning clockwise"),
        ("goes left, walks right", "goes right, walks left"),
        ("Löwe beside a bright light", "Löwe beside a bright light"),
        ("the man who left", None),
        ("cat left behind by the others", None),
        ("the one right behind the car", None),
        ("bus with the number 7", None),
        ("the player with LEFT written on its shirt", None),
    ],
)
def test_a_mirrored_sentence_is_true_of_the_mirrored_video_or_there_is_none(text, turned):
    assert mirrored(text) == turned
    if turned is not None:
        assert mirrored(turned) == text.replace("counter-clock", "counterclock")


@pytest.mark.parametrize(
    ("text", "moves"),
    [
        ("a black cat", False),
        ("the smallest of three sheep in grass", False),
        ("the bird flying away", True),
        ("the first one", True),
        ("Dog running", True),
        ("two people who carry a boat", True),
        ("the lion on the left", True),
        ("panda lying on its belly", False),
        ("truck which moves", True),
        ("horse dragged backwards", True),
        ("shirt with stripes", False),
    ],
)
def test_words_of_motion_direction_and_order(text, moves):
    assert speaks_of_motion(text) is moves


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("x" * 2000, None),
        ("", "is empty"),
        ("\t \n", "is empty"),
        ("x" * 5000, "has 5000 characters, at most 2000"),
        ("a \udce9 dog", "is not UTF-8 from character 2 on"),
    ],
)
def test_what_cannot_be_asked(text, problem):
    found = sentence_problem(text)
    assert found is None if problem is None else found.startswith(problem)

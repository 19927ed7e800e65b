"""Sentences that name objects of a video: what may be one, and what its words tell. No torch."""

import re
from dataclasses import dataclass

MAX_CHARACTERS = 2000
"""Longest sentence; those of MeViS and Ref-YouTube-VOS have a tenth of it."""


@dataclass(frozen=True, slots=True)
class Expression:
    """One sentence about a video and the objects it means."""

    expression_id: str
    """Its name in the source, unique within the video."""
    text: str
    """The sentence as the source has it."""
    object_ids: tuple[int, ...]
    """The objects it means together, ascending; empty for a sentence that means nothing there."""
    kind: str = ""
    """What it speaks of, where the source says so (`pvuw sample --expressions`)."""


def sentence_problem(text: str) -> str | None:
    r"""Return what is wrong with a sentence, to follow "the sentence", or None.

    Example:
        >>> sentence_problem("the dog that runs"), sentence_problem(" \n")
        (None, 'is empty; write what to follow')
    """
    if not text.strip():
        return "is empty; write what to follow"
    if len(text) > MAX_CHARACTERS:
        return f"has {len(text)} characters, at most {MAX_CHARACTERS} can be asked; shorten it"
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return f"is not UTF-8 from character {error.start} on; save it as UTF-8"
    return None


_MOTION = (
    r"(?:approach|arriv|bounc|carr[yi]|chas|circl|climb|cross|danc|descend|div|drift|driv|dropp?"
    r"|enter|exit|flew|flap|float|follow|gallop|jump|kick|land|lean|leap|lift|march|mov|orbit|pac"
    r"|pass|pull|push|rac|rais|reced|revers|rid|rotat|shak|shift|skat|slid|slither|spin|step|stroll"
    r"|swap|swerv|sway|swim|swing|swim|throw|travel|trot|turn|twist|wad|wag|walk|wander|wav"
    r"|accelerat|advanc|ascend|crawl|lower|navigat|retreat|roll|run|switch)"
    r"(?:s|es|ed|ies|ied|ing|ning|ming|ging|ping|ted|ling|e|y)?"
    r"|(?:com|goe?|fl[yi]|fall|rid|ris)(?:s|es|ed|ies|ing|e)?"
    r"|came|went|fell|rose|rode|drove|ran|swam|spun|swung|threw|motion|movement|moves?|path|speed"
    r"|starts?|stops?|starting|stopping|begins?|beginning|then|first|last|later|before|after"
    r"|finally|initially|eventually|again|back|away|towards?|forwards?|backwards?|upwards?"
    r"|downwards?|into|onto|across|around|out of|from|up|down|left|right|leaves?|leaving|returns?"
    r"|returning|disappear\w*|appear\w*|clockwise|anticlockwise|counterclockwise"
)
_SPEAKS_OF_MOTION = re.compile(rf"\b(?:{_MOTION})\b", re.IGNORECASE)


def speaks_of_motion(text: str) -> bool:
    """Return whether a sentence has a word of motion, direction or order in time.

    Rather too often than not often enough: such a sentence may be false of a video that runs
    backwards. A list of English words; nothing is parsed.

    Example:
        >>> speaks_of_motion("The cat walking to the left"), speaks_of_motion("a black cat")
        (True, False)
    """
    return _SPEAKS_OF_MOTION.search(text) is not None


_SIDES = {
    "left": "right", "leftmost": "rightmost", "leftward": "rightward", "leftwards": "rightwards",
    "clockwise": "counterclockwise",
}  # fmt: skip
_MIRROR = {
    **_SIDES,
    **{right: left for left, right in _SIDES.items()},
    "anticlockwise": "clockwise",
}
_SIDE_WORD = re.compile(
    r"\b(?:counter-clockwise|anti-clockwise|left-?most|right-?most|" + "|".join(_MIRROR) + r")\b",
    re.IGNORECASE,
)
_DIRECTION_BEFORE = re.compile(
    r"\b(?:the|to|from|on|its|his|her|their|far|top|bottom|upper|lower|front|back|rear|and|or|of"
    r"|then|move[sd]?|moving|turn(?:s|ed|ing)?|face[sd]?|facing|look(?:s|ed|ing)?|go(?:es|ing)?"
    r"|lean(?:s|ed|ing)?|walk(?:s|ed|ing)?|run(?:s|ning)?|swim(?:s|ming)?|slightly|towards?)\s+$",
    re.IGNORECASE,
)
_NO_DIRECTION_AFTER = re.compile(
    r"^\s+(?:now|away|behind|next|after|before|at|there|here|beside|above|below|through)\b",
    re.IGNORECASE,
)
_LETTERING = re.compile(r"\b(?:letters?|number|word|text|logo|written|writing|reads|says)\b", re.I)


def mirrored(text: str) -> str | None:
    """Return what a sentence says of a video mirrored left to right; None: it cannot be told.

    'left' and 'right' change places where they are directions. None where one of them may be
    something else ("the man who left", "right behind"), or where something written is spoken of.

    Example:
        >>> mirrored("The left dog turns right"), mirrored("a dog"), mirrored("the bear that left")
        ('The right dog turns left', 'a dog', None)
    """
    if _LETTERING.search(text):
        return None
    parts, end = [], 0
    for match in _SIDE_WORD.finditer(text):
        word = match.group()
        if word.lower() in ("left", "right") and not _is_direction(text, match):
            return None
        parts += [
            text[end : match.start()],
            _in_case_of(word, _MIRROR[word.lower().replace("-", "")]),
        ]
        end = match.end()
    return "".join([*parts, text[end:]])


def _is_direction(text: str, match: re.Match[str]) -> bool:
    before, after = text[: match.start()], text[match.end() :]
    if _NO_DIRECTION_AFTER.match(after):
        return False
    first_word = not before.strip()
    hyphenated = after.startswith("-") or re.match(r"\s+(?:side|hand|one|half|corner)\b", after)
    return bool(first_word or hyphenated or _DIRECTION_BEFORE.search(before))


def _in_case_of(model: str, word: str) -> str:
    if model.isupper():
        return word.upper()
    return word.capitalize() if model[0].isupper() else word

"""What licences ask of whoever uses the built set, in words."""

import re
from collections.abc import Iterable

_OBLIGATIONS = (
    (
        r"CC BY-NC-SA",
        "Name the authors and the licence and say what was changed. No commercial use. What is "
        "made from it may be shared under the same licence only.",
    ),
    (r"CC BY \d", "Name the authors and the licence, and say what was changed."),
    (
        r"\bBSD\b",
        "Keep the copyright notice and the disclaimer with every copy. The authors' names must not "
        "be used to promote anything.",
    ),
    (r"\bMIT\b", "Keep the copyright notice and the licence text with every copy."),
    (
        r"research only",
        "Non-commercial research and nothing else: no product, and no frames published by whoever "
        "does not hold their rights.",
    ),
    (
        r"terms of their origins",
        "The frames come from several collections; each has its own terms, and they hold for its "
        "videos.",
    ),
    (
        r"terms shown at the download",
        "What was accepted at the download decides; read it again before sharing anything.",
    ),
)
UNKNOWN = "This page has no words for these terms: read them before using the set."


def obligations(licence: str) -> list[str]:
    """Return what a licence line asks for, one sentence or two per point; never empty.

    Example:
        >>> obligations("CC BY 4.0")
        ['Name the authors and the licence, and say what was changed.']
        >>> obligations("as agreed by letter") == [UNKNOWN]
        True
    """
    return [words for pattern, words in _OBLIGATIONS if re.search(pattern, licence)] or [UNKNOWN]


def joint_obligations(licences: Iterable[str]) -> list[str]:
    """Return what holds for a set that contains videos under all of these licences.

    Example:
        >>> joint_obligations(["BSD 3-Clause", "CC BY 4.0"])
        []
    """
    everything = "\n".join(licences)
    joint = []
    if re.search(r"-NC|[Nn]on-?commercial|research only", everything):
        joint.append(
            "The set as a whole is for non-commercial research only, because part of it is."
        )
    if "-SA" in everything:
        joint.append(
            "Part of the set is share-alike: if you pass the set on, pass that part on under the "
            "same licence."
        )
    return joint

"""What papers and READMEs say of each network on MOSE: the start where nothing is recorded."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Prior:
    """Published J&F of one network on the validation set of MOSE v1."""

    jf: float
    """In 0..1."""
    uncertainty: float
    """Standard deviation of one video's J&F about it, our estimate; see `VIDEO_SPREAD`."""
    source: str


VIDEO_SPREAD = 0.2
"""Our guess of how far the J&F of a single video is from a network's mean; no paper gives it."""
_UNKNOWN = Prior(0.6, 0.3, "no published figure")

_SAM2 = "README of SAM 2, table of SAM 2.1 checkpoints, MOSE val"
_LIVOS = "README of LiVOS (arXiv 2411.02818), MOSE"
_EDGETAM = "table in EdgeTAM's README, MOSE val, as quoted by a derived repository"
_MOSEV2 = "MOSEv2 paper (arXiv 2508.05630), table 4, column of MOSE v1 val"
_PUBLISHED = {
    "sam2": (0.737, f"{_SAM2}, base plus"),
    "sam2_tiny": (0.718, f"{_SAM2}, tiny"),
    "sam2_small": (0.735, f"{_SAM2}, small"),
    "sam2_large": (0.746, f"{_SAM2}, large"),
    "cutie": (0.699, f"{_MOSEV2}, Cutie-B"),
    "xmem": (0.596, _EDGETAM),
    "livos": (0.592, f"{_LIVOS}, trained on DAVIS and YouTube-VOS"),
    "livos_mose": (0.648, f"{_LIVOS}, trained with MOSE, 480p"),
}
PUBLISHED_MEMBERS = tuple(sorted(_PUBLISHED))
"""Names that a figure is known for."""


def prior_of(member: str) -> Prior:
    """Return the published figure for a member, by its name or the first word of it.

    Args:
        member: Such as `cutie`, `sam2_large` or `xmem-480p`; capitals do not matter.

    Returns:
        What was published; for TMO, which has no figure on MOSE, and for other names a J&F of 0.6
        give or take 0.3, which says so.

    Example:
        >>> prior_of("SAM2_large").jf, prior_of("xmem-480p").jf, prior_of("tmo").source
        (0.746, 0.596, 'no published figure')
    """
    name = member.lower().replace("-", "_")
    found = _PUBLISHED.get(name) or _PUBLISHED.get(name.split("_")[0])
    return _UNKNOWN if found is None else Prior(found[0], VIDEO_SPREAD, found[1])

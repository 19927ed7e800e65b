"""Names of the protocols, for whoever offers them as a choice; imports no NumPy."""

from typing import Literal, get_args

VideoProtocolName = Literal["davis2017", "mose", "mosev2"]
ProtocolName = Literal[VideoProtocolName, "mevis", "ref_youtube_vos"]
"""Those that score queries one by one, while they are predicted too."""
VIDEO_PROTOCOL_NAMES: tuple[str, ...] = get_args(VideoProtocolName)
"""Those that score the objects of a video."""
PROTOCOL_NAMES: tuple[str, ...] = get_args(ProtocolName)
"""Those, and the ones that score what a sentence means."""
REF_DAVIS = "ref_davis"
"""Scores the answers to all sentences of an annotator together, once they are all there."""

"""Names of the protocols, for whoever offers them as a choice; imports no NumPy."""

from typing import Literal, get_args

VideoProtocolName = Literal["davis2017", "mose", "mosev2"]
ProtocolName = Literal[VideoProtocolName, "mevis"]
VIDEO_PROTOCOL_NAMES: tuple[str, ...] = get_args(VideoProtocolName)
"""Those that score the objects of a video."""
PROTOCOL_NAMES: tuple[str, ...] = get_args(ProtocolName)
"""All, the ones that score what a sentence means too."""

"""Names of the protocols, for whoever offers them as a choice; imports no NumPy."""

from typing import Literal, get_args

ProtocolName = Literal["davis2017", "mose", "mosev2"]
PROTOCOL_NAMES: tuple[str, ...] = get_args(ProtocolName)

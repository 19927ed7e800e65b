"""Errors a user can act on: the command prints their one line and no traceback."""


class PvuwError(Exception):
    """A problem in the user's input; the message names the file, the value and the fix."""


class DataError(PvuwError):
    """A frame, mask, video or folder that cannot be used as it is."""


class WeightsError(PvuwError):
    """A checkpoint that does not fit the network it was given to."""

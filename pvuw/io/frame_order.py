"""The one order of frames: that of the numbers in their names. Imports nothing."""

import re
from collections.abc import Iterable


def natural_key(name: str) -> tuple[list[str | int], str]:
    """Return a sort key under which numbers inside names count as numbers.

    Example:
        >>> sorted(["img_10.jpg", "img_9.jpg", "img_1.jpg"], key=natural_key)
        ['img_1.jpg', 'img_9.jpg', 'img_10.jpg']
    """
    # Text and numbers alternate, text first, so keys never compare a str with an int.
    parts = re.split(r"(\d+)", name)
    return [int(part) if i % 2 else part for i, part in enumerate(parts)], name


def in_order(stems: Iterable[str]) -> list[str]:
    """Return the names of a video's frames, without suffix, in the order of time.

    Example:
        >>> in_order(["frame_10", "frame_2"])
        ['frame_2', 'frame_10']
    """
    stems = list(stems)
    # Names like 00000, 00005 need no numbers taken out of them; most data sets have only these.
    same_width_numbers = len(set(map(len, stems))) == 1 and "".join(stems).isdigit()
    return sorted(stems) if same_width_numbers else sorted(stems, key=natural_key)

"""What a viewer of the written files would say: truth worked out from masks and pictures alone.

Only the species and the pattern of a body are taken from the plan. Thresholds lie between the two
that the generator keeps apart, so neither side has to be exact.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from PIL import Image
from pycocotools import mask as coco_mask

HUES = {"red": 0.0, "yellow": 1 / 6, "green": 0.37, "blue": 0.62, "purple": 0.79}
NOUNS = {
    "cow": {"grazer"}, "person": {"walker"}, "car": {"car"}, "fish": {"fish"}, "bird": {"bird"},
    "turtle": {"turtle"}, "jellyfish": {"jelly"},
    "animal": {"grazer", "fish", "bird", "turtle", "jelly"},
}  # fmt: skip
SURFACES = {"plain": "plain", "spotted": "spots", "striped": "stripes"}


@dataclass(eq=False)
class Seen:
    """One object as its masks show it."""

    masks: np.ndarray
    frames: list
    species: str
    surface: str

    def __post_init__(self):
        rows, columns = np.indices(self.masks.shape[1:])
        self.unit = float(np.sqrt(self.masks[0].size))
        self.height, self.width = self.masks.shape[1:]
        self.area = self.masks.sum(axis=(1, 2))
        count = np.maximum(self.area, 1)
        self.x = (self.masks * columns).sum(axis=(1, 2)) / count
        self.y = (self.masks * rows).sum(axis=(1, 2)) / count
        self.shown = self.area > 0
        self.clear = self.area >= 0.25 * self.area.max()  # seen from the front it is 0.4 as wide
        inner = self.masks[:, 1:-1, 1:-1].sum(axis=(1, 2))
        self.at_border = inner < self.area

    @property
    def kind(self):
        return self.species, self.surface

    def path(self, axis, of=None):
        """Positions in the frames that show it well, in units."""
        return (self.x, self.y)[axis][self.clear if of is None else of] / self.unit

    def way(self, axis, sign):
        """Most it gains from one frame to a later one."""
        values = sign * self.path(axis)
        return max((later - first for i, first in enumerate(values) for later in values[i:]))

    def color(self):
        """Hue, saturation and value of the mean pixel where it is seen best."""
        best = int(self.area.argmax())
        mean = self.frames[best][self.masks[best]].mean(axis=0) / 255
        image = Image.fromarray((mean[None, None] * 255).astype(np.uint8))
        return np.asarray(image.convert("HSV"))[0, 0] / 255

    def stays(self):
        """Whether it keeps its place, most of all where nothing covers much of it."""
        whole = self.area >= 0.8 * self.area.max()
        spans = [max(np.ptp(self.path(a, of)) for a in (0, 1)) for of in (whole, self.clear)]
        return spans[0] < 0.05 and spans[1] < 0.1

    def part(self, last):
        """First or last quarter of the frames."""
        number = np.arange(len(self.area))
        quarter = max(4, len(number) // 4)
        return number >= len(number) - quarter if last else number < quarter


def is_color(seen, name):
    hue, saturation, value = seen.color()
    if name == "white":
        return saturation < 0.3 and value > 0.35
    return saturation > 0.3 and abs((hue - HUES[name] + 0.5) % 1 - 0.5) < 0.08


def moves(axis, sign):
    return lambda one, others: one.way(axis, sign) > 0.11 and one.way(axis, -sign) < 0.09


def turns(sign):
    def holds(one, others):
        x = sign * one.path(0)
        top = int(x.argmax())
        return x[top] - x[0] > 0.08 and x[top] - x[-1] > 0.08

    return holds


def beside(axis, sign):
    def holds(one, others):
        for other in others:
            both = one.clear & other.clear
            gap = sign * (one.path(axis, both) - other.path(axis, both))
            if not len(gap) or (gap > 0).mean() < 0.9:
                return False
        return True

    return holds


def half(axis, sign):
    def holds(one, others):
        length = (one.width, one.height)[axis] / one.unit
        return (sign * (one.path(axis) - length / 2) > 0).all()

    return holds


def settles(last):
    def holds(one, others):
        end, start = one.part(last), one.part(not last) & one.clear
        whole = max(np.ptp(one.path(axis)) for axis in (0, 1))
        rests = max(np.ptp(one.path(axis, end)) for axis in (0, 1)) < 0.035
        set_off = not start.any() or max(np.ptp(one.path(axis, start)) for axis in (0, 1)) > 0.02
        return bool(one.clear[end].all() and rests and whole > 0.1 and set_off)

    return holds


def gone(step):
    def holds(one, others):
        shown = one.shown[::step]
        last = np.flatnonzero(shown)[-1]
        return not shown[-2:].any() and bool(one.at_border[::step][last])

    return holds


def comes_back(one, others):
    shown = np.flatnonzero(one.shown)
    gaps = [(a, b) for a, b in pairwise(shown) if b - a > 2]
    return any(one.at_border[a] and one.at_border[b] for a, b in gaps)


def hidden(one, others):
    inside = np.flatnonzero(one.clear & ~one.at_border)
    between = slice(inside[0], inside[-1] + 1)
    low = (one.area[between] < 0.15 * one.area.max()) & ~one.at_border[between]
    return bool(low.any())


def touching(one, other):
    """Frames in which two lie side by side without a gap."""
    rim = np.zeros_like(other.masks)
    rim[:, 1:], rim[:, :-1] = other.masks[:, :-1], other.masks[:, 1:]
    rim[:, :, 1:] |= other.masks[:, :, :-1]
    rim[:, :, :-1] |= other.masks[:, :, 1:]
    return (rim & one.masks).any(axis=(1, 2))


def passes(one, other):
    """Whether it gets to the other side of another and touches it on the way."""
    both = one.clear & other.clear
    gap = one.path(0, both) - other.path(0, both)
    return len(gap) and gap[0] * gap[-1] < 0 and touching(one, other).any()


def loses(one, other):
    """Whether the other hides more of it than the reverse."""
    near = touching(one, other)
    shares = [seen.area[near].min() / np.median(seen.area[seen.clear]) for seen in (one, other)]
    return shares[0] < shares[1]


def speed(one):
    known = one.clear[1:] & one.clear[:-1]
    return np.hypot(np.diff(one.x), np.diff(one.y))[known].mean()


LOOKS = {
    **{name: lambda one, others, name=name: is_color(one, name) for name in (*HUES, "white")},
    **{
        name: lambda one, others, surface=surface: one.surface == surface
        for name, surface in SURFACES.items()
    },
}
COMPARED = {
    "largest": lambda one, others: all(one.area.max() > other.area.max() for other in others),
    "smallest": lambda one, others: all(one.area.max() < other.area.max() for other in others),
    "fastest": lambda one, others: all(speed(one) > 1.2 * speed(other) for other in others),
    "leftmost": beside(0, -1),
    "rightmost": beside(0, 1),
    "uppermost": beside(1, -1),
    "lowest": beside(1, 1),
}
ANOTHER = {
    "to the left of": beside(0, -1),
    "to the right of": beside(0, 1),
    "above": beside(1, -1),
    "below": beside(1, 1),
    "passes behind": lambda one, others: passes(one, *others) and loses(one, *others),
    "passes before": lambda one, others: passes(one, *others) and loses(*others, one),
}
ALONE = {
    **LOOKS,
    "left half": half(0, -1),
    "right half": half(0, 1),
    "upper half": half(1, -1),
    "lower half": half(1, 1),
    "moves left": moves(0, -1),
    "moves right": moves(0, 1),
    "moves up": moves(1, -1),
    "moves down": moves(1, 1),
    "turns left": turns(1),
    "turns right": turns(-1),
    "turns round": lambda one, others: turns(1)(one, others) or turns(-1)(one, others),
    "stands": lambda one, others: one.stays() and one.shown.mean() > 0.75,
    "stops": settles(True),
    "starts": settles(False),
    "leaves": gone(1),
    "comes in": gone(-1),
    "returns": comes_back,
    "hides": hidden,
}
ALL = {**ALONE, **COMPARED, **ANOTHER}


def meant(names, things):
    """Objects, by place, that a sentence means by noun, traits, and those of another."""
    second = next((i for i, name in enumerate(names[1:], 1) if name in NOUNS), len(names))
    own, other = names[:second], names[second:]
    members = [one for one in things if one.species in NOUNS[own[0]]]
    for name in own[1:]:
        if name in ANOTHER:
            (mark,) = meant(other, things)
            others = {one: [things[mark]] for one in members}
            members = [one for one in members if one is not things[mark]]
        else:
            others = {one: [o for o in members if o is not one] for one in members}
        members = [one for one in members if ALL[name](one, others[one])]
    return [place for place, one in enumerate(things) if one in members]


def decode(track, size_hw):
    """Masks of an annotation, bool `[T, H, W]`."""
    blank = np.zeros(size_hw, bool)
    return np.stack([blank if rle is None else coco_mask.decode(rle).astype(bool) for rle in track])

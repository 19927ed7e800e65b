"""What happened among the members of one video, in sentences."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pvuw.ensemble.members.frame_line import OVERRULED_BELOW
from pvuw.ensemble.record import Choice, Record
from pvuw.io.folder import shorten
from pvuw.pages.words import join_names, plural
from pvuw.report.members.facts import EnsembleFacts, MemberFacts, Region

_OBJECTS_TOLD = 3
_METHODS = {
    "vote": "Voted: each pixel has the label of most votes",
    "fuse": "Fused: each pixel has the label of most votes, exchanged ids put right",
}


@dataclass(frozen=True)
class ToldChoice:
    """Whom the answer follows, and why."""

    object_id: int | None
    """The object it is about; None: all of them."""
    what: str
    """For what or from when."""
    member: str
    reason: str


def tell_method(record: Record | None) -> str:
    """Return how the answer was made, in a few words."""
    if record is None:
        return "Nothing was noted on how this answer was made"
    if record.method != "select":
        return _METHODS.get(record.method, f"Made by {record.method}")
    if any(choice.first_frame is not None for choice in record.choices):
        return "One member is followed at a time"
    if any(choice.object_id is not None for choice in record.choices):
        return "One member is followed for each object"
    return f"{join_names([choice.member for choice in record.choices])} is followed"


def tell_choices(record: Record | None) -> list[ToldChoice]:
    """Return every choice with its reason; where members vote, the votes are the reason."""
    return [_choice(choice, record) for choice in record.choices] if record else []


def tell(facts: EnsembleFacts) -> list[str]:
    """Return who stood in, what was put right, and who said nothing, a sentence each."""
    return [
        *_weights(facts.record),
        *_stood_in(facts),
        *_exchanges(facts.record),
        *_same(facts.record),
        *_silent(facts),
        *_overruled(facts),
    ]


def tell_region(region: Region, frame_names: Sequence[str]) -> str:
    """Return one contested region in words: how large, where, when, and who says what."""
    first, last = frame_names[region.first], frame_names[region.last]
    when = f"in {first}" if first == last else f"{first} to {last}"
    says: dict[int, list[str]] = {region.answer: ["the answer"]}
    for member, object_id in region.says.items():
        says.setdefault(object_id, []).append(member)
    sides = [f"{label_name(i)} by {join_names(members)}" for i, members in says.items()]
    if len(says) == 1:
        sides = [f"members differ on parts of it, most is {label_name(region.answer)} to each"]
    size = f"{100 * region.share:.2g} % of the frame, {place_of(region.box_xyxy)}, {when}"
    return f"{size}: {'; '.join(sides)}."


def label_name(object_id: int) -> str:
    """Return what to call an id.

    Example:
        >>> label_name(0), label_name(7)
        ('background', 'object 7')
    """
    return f"object {object_id}" if object_id else "background"


def place_of(box_xyxy: Sequence[float]) -> str:
    """Return where a box is, in words.

    Args:
        box_xyxy: As shares of width and height.

    Example:
        >>> place_of((0.0, 0.0, 0.2, 0.3)), place_of((0.4, 0.4, 0.6, 0.6))
        ('upper left', 'in the middle')
    """
    x, y = (box_xyxy[0] + box_xyxy[2]) / 2, (box_xyxy[1] + box_xyxy[3]) / 2
    across = "left" if x < 1 / 3 else "right" if x > 2 / 3 else ""
    down = "upper" if y < 1 / 3 else "lower" if y > 2 / 3 else ""
    if not across and not down:
        return "in the middle"
    if across and down:
        return f"{down} {across}"
    return f"on the {across}" if across else {"upper": "at the top", "lower": "at the bottom"}[down]


def _choice(choice: Choice, record: Record) -> ToldChoice:
    what = "whole video" if choice.object_id is None else f"object {choice.object_id}"
    if choice.first_frame is not None:
        what = f"from {choice.first_frame}"
    reason = choice.reason.removeprefix(f"{choice.member}: ")
    if record.method != "select":
        votes = sorted(choice.votes.items(), key=lambda item: -item[1])
        shares = ", ".join(f"{name} {vote:.2f}" for name, vote in votes)
        reason = f"most votes ({shares}): {reason}"
    return ToldChoice(choice.object_id, what, choice.member, reason)


def _weights(record: Record | None) -> Iterator[str]:
    if record is not None and len(set(record.weights.values())) > 1:
        weights = [f"{name} {weight:g}" for name, weight in record.weights.items()]
        yield f"Weights: {', '.join(weights)}."


def _stood_in(facts: EnsembleFacts) -> Iterator[str]:
    """Tell of frames in which the chosen member had no mask."""
    if facts.record is None or facts.record.method != "select":
        return
    for band in facts.bands:
        gaps: dict[tuple[str, str], list[str]] = {}
        for frame, member in zip(facts.frame_names, band.members, strict=True):
            choice = facts.record.choice_at(frame, band.object_id)
            if choice and member is not None and facts.names[member] != choice.member:
                gaps.setdefault((choice.member, facts.names[member]), []).append(frame)
        for (chosen, other), frames in gaps.items():
            what = "" if band.object_id is None else f" for object {band.object_id}"
            count = plural(len(frames), "frame")
            yield f"{chosen} has no mask in {count} ({shorten(frames)}): {other} stands in{what}."


def _exchanges(record: Record | None) -> Iterator[str]:
    told: dict[str, list[str]] = {}
    for exchange in record.exchanges if record else ():
        one, other = exchange.object_ids
        span = f"{one} and {other} from {exchange.first_frame} to {exchange.last_frame}"
        told.setdefault(exchange.member, []).append(span)
    for member, spans in told.items():
        yield f"{member} has ids exchanged, put right here too: {join_names(spans)}."


def _same(record: Record | None) -> Iterator[str]:
    for group in record.same if record else ():
        yield f"{join_names(group)} never differ, and share one vote."


def _silent(facts: EnsembleFacts) -> Iterator[str]:
    total = len(facts.frame_names)
    for member in facts.members:
        frames = [facts.frame_names[position] for position in member.silent]
        if len(frames) == total:
            yield f"{member.name} has no masks of this video."
        elif frames:
            yield (
                f"{member.name} has no mask in {len(frames)} of {total} frames ({shorten(frames)})."
            )


def _overruled(facts: EnsembleFacts) -> Iterator[str]:
    total = plural(len(facts.frame_names), "frame")
    for member in facts.members:
        counts = sorted(overruled(member).items(), key=lambda item: (-item[1], item[0]))
        where = [f"object {i} in {count}" for i, count in counts[:_OBJECTS_TOLD]]
        rest = len(counts) - _OBJECTS_TOLD
        fewer = f", on {plural(rest, 'more object')} in fewer" if rest > 0 else ""
        if where:
            yield (
                f"{member.name} was overruled (IoU below {OVERRULED_BELOW:g}) on "
                f"{join_names(where)} of {total}{fewer}."
            )


def overruled(member: MemberFacts) -> dict[int, int]:
    """Return in how many frames a member was overruled on each object, of those it ever was."""
    counts: dict[int, int] = {}
    for frame in member.ious:
        for object_id, iou in (frame or {}).items():
            if iou < OVERRULED_BELOW:
                counts[object_id] = counts.get(object_id, 0) + 1
    return counts

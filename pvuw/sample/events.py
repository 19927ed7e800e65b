"""What happens to the objects of a video, read off the drawn frames."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum


class Visibility(Enum):
    """State of one object in one frame."""

    VISIBLE = "visible"
    COVERED = "covered"
    """Inside the frame, but no pixel of it is seen."""
    OUTSIDE = "outside"
    """No pixel of it is inside the frame."""


class Cause(Enum):
    """Why an object is absent for a while."""

    LATE = "late"
    """It has not been seen yet."""
    OCCLUDED = "occluded"
    """It was inside the frame in all of these frames, behind something."""
    LEFT = "left"
    """It was outside the frame in at least one of these frames."""


@dataclass(frozen=True)
class Absence:
    """A run of frames in which an object has no pixel."""

    object_id: int
    cause: Cause
    first_frame: int
    last_frame: int
    returned_at: int | None
    """Frame in which it is seen (again), None where the video ends before."""


class EventLog:
    """Absences of every object, collected frame by frame."""

    def __init__(self) -> None:
        self._num_frames = 0
        self._closed: list[Absence] = []
        self._open: dict[int, Absence] = {}
        self._seen: set[int] = set()

    def add(self, states: Mapping[int, Visibility]) -> None:
        """Take the states of the next frame; every frame names the same objects."""
        for object_id, state in states.items():
            if state is Visibility.VISIBLE:
                self._see(object_id)
            else:
                self._miss(object_id, state)
        self._num_frames += 1

    def _see(self, object_id: int) -> None:
        self._seen.add(object_id)
        absence = self._open.pop(object_id, None)
        if absence is not None:
            self._closed.append(replace(absence, returned_at=self._num_frames))

    def _miss(self, object_id: int, state: Visibility) -> None:
        frame = self._num_frames
        absence = self._open.get(object_id)
        if absence is None:
            cause = Cause.OCCLUDED if object_id in self._seen else Cause.LATE
            absence = Absence(object_id, cause, frame, frame, None)
        if state is Visibility.OUTSIDE and absence.cause is Cause.OCCLUDED:
            absence = replace(absence, cause=Cause.LEFT)
        self._open[object_id] = replace(absence, last_frame=frame)

    def absences(self) -> list[Absence]:
        """Absences so far, by first frame, then object id."""
        found = [*self._closed, *self._open.values()]
        return sorted(found, key=lambda absence: (absence.first_frame, absence.object_id))

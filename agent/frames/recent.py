"""The latest frames of every view and position, for the picture of an alarm: where their files are, or the bytes of inline ones."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from dataclasses import dataclass
from datetime import datetime

from agent.ports import Place

# Per view and position: so many frames the core may be behind the tap, its inbox and a reorder window full. Inline ones are large.
FILES, INLINE = 1_200, 4
INLINE_BYTES = 4 << 20  # of all together
PLACES = 64  # the view is what a record says it is: those used least are forgotten


@dataclass(frozen=True, slots=True)
class Shot:
    """One frame as it came."""

    place: Place
    image: bytes
    path: str
    frames_dir: str


class Recent:
    """Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._shots: OrderedDict[tuple[str, str, str], deque[Shot]] = OrderedDict()
        self._bytes = 0

    def note(self, shot: Shot) -> None:
        """A frame was measured."""
        key = (shot.place.station, shot.place.view, shot.place.position)
        with self._lock:
            kept = self._shots.setdefault(key, deque())
            self._shots.move_to_end(key)
            kept.append(shot)
            self._bytes += len(shot.image)
            while len(kept) > (INLINE if shot.image else FILES):
                self._drop(kept)
            while len(self._shots) > PLACES or self._bytes > INLINE_BYTES:
                oldest = next(iter(self._shots))
                self._drop(self._shots[oldest])
                if not self._shots[oldest]:
                    del self._shots[oldest]

    def _drop(self, kept: deque[Shot]) -> None:
        self._bytes -= len(kept.popleft().image)

    def find(self, station: str, part_id: str, at: datetime, *, by_then: bool) -> list[Shot]:
        """Per view and position of a station the frame of this part, else the latest by then; those of the part first.

        by_then: none taken later will do. Else the earliest one kept, where a backlog has pushed out all before.
        """
        with self._lock:
            kept = [shots for (of, _, _), shots in self._shots.items() if of == station]
            found = [_nearest(shots, part_id, at) or (None if by_then else shots[0]) for shots in kept]
        return sorted((shot for shot in found if shot is not None), key=lambda shot: shot.place.part_id != part_id)


def _nearest(shots: deque[Shot], part_id: str, at: datetime) -> Shot | None:
    of_part = next((shot for shot in reversed(shots) if shot.place.part_id == part_id), None)
    return of_part or next((shot for shot in reversed(shots) if shot.place.at is not None and shot.place.at <= at), None)

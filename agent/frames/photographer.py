"""Pictures before and after for incidents: small copies of the frames at an alarm, and of what the place should look like."""

from __future__ import annotations

import hashlib
import queue
from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from agent.ports import Delivery, Pictured, PictureRow, Place, Wanted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.frames.measurer import FrameMeasurer
    from agent.frames.recent import Recent
    from agent.frames.wire import Picture
    from agent.ports import Clock, Inbox, StopSignal

NAME = "pictures"
# Asked for and not taken yet; more are counted and left out.
WAITING = 64
_POLL_S = 0.5


class Photographer:
    """Implements `agent.ports.Tap`: what it is asked for it delivers to the core, which keeps it. No alarm rests on it."""

    name = NAME
    finite = False

    def __init__(self, measurer: FrameMeasurer, recent: Recent, clock: Clock, *, most: int) -> None:
        self._measurer = measurer
        self._recent = recent
        self._clock = clock
        self._most = most
        self._wanted: queue.Queue[Wanted] = queue.Queue(WAITING)
        self._counts: Counter[str] = Counter()

    def ask(self, wanted: Wanted) -> None:
        """Take pictures of this, soon. From the core thread: never waits."""
        try:
            self._wanted.put_nowait(wanted)
        except queue.Full:
            self._counts["left_out"] += 1

    def run(self, inbox: Inbox, position: str | None, stop: StopSignal) -> None:  # noqa: ARG002  nothing to resume
        """Take what is asked for until stopped."""
        while not stop.is_set():
            try:
                wanted = self._wanted.get(timeout=_POLL_S)
            except queue.Empty:
                continue
            for row in self._take(wanted, stop):
                if not inbox.put(Delivery(NAME, Pictured(row, self._most), None, self._clock.now()), stop):
                    return

    def _take(self, wanted: Wanted, stop: StopSignal) -> Sequence[PictureRow]:
        """Of each view and position the frame of the part that is meant, else the latest; and the golden frame beside it."""
        rows: list[PictureRow] = []
        shots = self._recent.find(wanted.station, wanted.part_id, wanted.at, by_then=not wanted.incident)
        for shot in shots[: self._most]:
            if stop.is_set():
                break
            shown, at = self._measurer.picture(shot), shot.place.at or wanted.at
            if shown is None:
                self._counts["not_shown"] += 1
                continue
            self._counts["taken"] += 1
            if not wanted.incident:
                rows.append(_row(wanted, shot.place, shown, "before", "baseline", at))
                continue
            golden = self._measurer.golden(shot.place)
            if golden is not None:
                rows.append(_row(wanted, shot.place._replace(part_id=""), golden, "before", "golden", at))
            rows.append(_row(wanted, shot.place, shown, "after", "alarm", at))
        return rows

    def acknowledge(self, receipts: Sequence[object]) -> None:
        """Nothing waits for the commit."""

    def health(self) -> dict[str, float | str]:
        """Pictures taken, frames that could not be shown any more, alarms left out."""
        return {name: float(self._counts[name]) for name in ("taken", "not_shown", "left_out")}


def _row(
    wanted: Wanted,
    place: Place,
    shown: Picture,
    moment: Literal["before", "after"],
    source: Literal["golden", "baseline", "alarm"],
    at: datetime,
) -> PictureRow:
    return PictureRow(
        incident=wanted.incident,
        station=wanted.station,
        view=place.view,
        position=place.position,
        recipe=place.recipe,
        moment=moment,
        source=source,
        part_id=place.part_id,
        taken_at=at,
        sha256=hashlib.sha256(shown.body).hexdigest(),
        of_sha256=shown.of_sha256,
        width=shown.width,
        height=shown.height,
        histogram=shown.histogram,
        body=shown.body,
    )

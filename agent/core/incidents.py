"""Incidents: the alarms of one episode joined, and what must be held when the truth is what alarmed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from agent.documents import HoldDoc, IncidentDoc, OnsetDoc
from agent.ports import History

# A growing hold is published again every so many parts of the station.
HOLD_STEP_PARTS = 100


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """One episode of one station. hold_from: index of the first part held, None where nothing is held."""

    incident: str
    opened_at: datetime
    alarms: tuple[str, ...] = ()
    onset: OnsetDoc | None = None
    hold_from: int | None = None
    hold_since: str = "arming"
    hold_to: int = 0
    closed_at: datetime | None = None


class Incidents:
    """The incidents of one station: at most one is open; alarms raised while it is open join it."""

    def __init__(self, station: str, history: History) -> None:
        self._station = station
        self._history = history
        self._number = 0
        self._current: Incident | None = None

    @property
    def current(self) -> Incident | None:
        """The open one, else the last one, else None."""
        return self._current

    def open_id(self, at: datetime) -> str:
        """Id of the open incident; a new one is opened where there is none."""
        if self._current is None or self._current.closed_at is not None:
            self._number += 1
            self._current = Incident(incident=f"{self._station}-{self._number:04d}", opened_at=at)
        return self._current.incident

    def join(self, occurrence: str, onset: OnsetDoc | None) -> None:
        """Add an occurrence; the incident's onset is the earliest of its alarms' estimates."""
        current = self._current
        assert current is not None
        earliest = current.onset
        if onset is not None and onset.at is not None and (earliest is None or earliest.at is None or onset.at < earliest.at):
            earliest = onset
        self._current = msgspec.structs.replace(current, alarms=(*current.alarms, occurrence), onset=earliest)

    def hold(self, first: int, last: int, *, verified: bool) -> None:
        """Hold the passed parts from index `first` to `last`; it grows and never shrinks."""
        current = self._current
        assert current is not None
        start = first if current.hold_from is None else min(first, current.hold_from)
        since = "verification" if verified else "arming"
        self._current = msgspec.structs.replace(current, hold_from=start, hold_to=max(last, current.hold_to), hold_since=since)

    def grow(self, last: int) -> bool:
        """The station has inspected part `last`; True when the hold is to be published again."""
        current = self._current
        if current is None or current.closed_at is not None or current.hold_from is None:
            return False
        if last < current.hold_to + HOLD_STEP_PARTS:
            return False
        self._current = msgspec.structs.replace(current, hold_to=last)
        return True

    def close(self, at: datetime) -> bool:
        """Every alarm of the episode has returned; True when this closed an open incident that holds nothing."""
        current = self._current
        if current is None or current.closed_at is not None or current.hold_from is not None:
            return False
        self._current = msgspec.structs.replace(current, closed_at=at)
        return True

    def hold_document(self) -> HoldDoc | None:
        """What is held now; None where nothing is."""
        current = self._current
        if current is None or current.hold_from is None:
            return None
        first = self._history.part(self._station, current.hold_from)
        last = self._history.part(self._station, current.hold_to)
        return HoldDoc(
            incident=current.incident,
            station=self._station,
            reason="bad parts passed",
            since="verification" if current.hold_since == "verification" else "arming",
            from_part_id="" if first is None else first.part_id,
            from_at=current.opened_at if first is None else first.captured_at,
            to_part_id="" if last is None else last.part_id,
            to_at=current.opened_at if last is None else last.captured_at,
            parts=self._history.passed_between(self._station, current.hold_from, current.hold_to),
            boxes=tuple(box for box in ("" if first is None else first.box, "" if last is None else last.box) if box),
            open=current.closed_at is None,
        )

    def document(self) -> IncidentDoc | None:
        """The current incident as it is published."""
        current = self._current
        if current is None:
            return None
        return IncidentDoc(
            incident=current.incident,
            station=self._station,
            opened_at=current.opened_at,
            alarms=current.alarms,
            onset=current.onset,
            hold=self.hold_document(),
            open=current.closed_at is None,
            closed_at=current.closed_at,
        )

    def save(self) -> tuple[int, Any]:
        """For a checkpoint."""
        return (self._number, msgspec.to_builtins(self._current, builtin_types=(datetime,)))

    def load(self, saved: tuple[int, Any]) -> None:
        """From a checkpoint."""
        self._number, current = saved
        self._current = None if current is None else msgspec.convert(current, Incident)

"""Incidents: the alarms of one episode joined, what likely caused it, and what must be held when the truth is what alarmed."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import msgspec

from agent.core.causes import CAUSES, REASONS
from agent.documents import CauseDoc, HoldDoc, IncidentDoc, OnsetDoc, ReasonDoc, SignDoc
from agent.ports import History
from detectors.attribution import Attribution, Happening, Symptom, attribute, joined

# A growing hold is published again every so many parts of the station.
HOLD_STEP_PARTS = 100
# Events remembered to be set beside onsets; more than a shift has.
RECENT_EVENTS = 100
# Before every part.
NOTHING_BEFORE = -1
# Causes an incident names.
TOP_CAUSES = 3
# A cause with at least this share of the weight, and twice that of the next one, is said to be likely; else possible.
LIKELY_SHARE, LIKELY_LEAD = 0.5, 2.0


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
    symptoms: tuple[Symptom, ...] = ()
    attribution: Attribution | None = None


class Incidents:
    """The incidents of one station: at most one is open; alarms raised while it is open join it."""

    def __init__(self, station: str, history: History, language: str = "en") -> None:
        self._station = station
        self._history = history
        self._language = language
        self._events: deque[Happening] = deque(maxlen=RECENT_EVENTS)
        self._number = 0
        self._current: Incident | None = None

    def begin_after(self, number: int) -> None:
        """Number on from here."""
        self._number = number

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

    def happened(self, kind: str, index: int) -> None:
        """An event at the station, after part `index`."""
        self._events.append(Happening(kind, index))

    def observe(self, symptoms: Sequence[Symptom], watched: Collection[str], at: datetime) -> bool:
        """Take what has left its baseline into the open incident, opening one where there is none; True when causes changed.

        watched: the families that would have seen something. A symptom seen before keeps its onset; the other way round it is news.
        """
        self.open_id(at)
        current = self._current
        assert current is not None
        known = joined(current.symptoms, symptoms)
        attribution = attribute(known, tuple(self._events), watched)
        self._current = msgspec.structs.replace(current, symptoms=known, attribution=attribution)
        return _top(attribution) != _top(current.attribution)

    @property
    def current_id(self) -> str:
        """Id of the current incident, "" where there never was one."""
        return "" if self._current is None else self._current.incident

    def likely(self, watched: Collection[str], since: int = NOTHING_BEFORE) -> tuple[str, ...]:
        """What an alarm names of what began after part `since`: the cause that stands out, or else the two that come closest."""
        if self._current is None:
            return ()
        fresh = [symptom for symptom in self._current.symptoms if symptom.onset.earliest > since]
        attribution = attribute(fresh, tuple(self._events), watched)
        return tuple(cause.cause for cause in attribution.causes[: 1 if _is_likely(attribution) else 2])

    def began_after(self, index: int, code: str) -> bool:
        """Whether a sign of this code is of something that began after part `index`."""
        return self._current is not None and any(s.code == code and s.onset.earliest > index for s in self._current.symptoms)

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
            signs=tuple(self._sign(symptom) for symptom in sorted(current.symptoms, key=lambda s: (s.onset.estimate, s.code))),
            causes=() if current.attribution is None else self._causes(current.attribution),
            harm="unknown" if current.attribution is None else "shown" if current.attribution.harm else "not_shown",
            blind=() if current.attribution is None else current.attribution.blind,
        )

    def _sign(self, symptom: Symptom) -> SignDoc:
        row = self._history.part(self._station, max(1, symptom.onset.estimate))
        channel = symptom.channel.rpartition(" ")[2]
        part_id, at = ("", None) if row is None else (row.part_id, row.captured_at)
        return SignDoc(symptom.family, symptom.code, channel, round(symptom.size, 2), part_id, at)

    def _causes(self, attribution: Attribution) -> tuple[CauseDoc, ...]:
        return tuple(
            CauseDoc(
                cause=cause.cause,
                text=CAUSES[self._language][cause.cause],
                likelihood="likely" if rank == 0 and _is_likely(attribution) else "possible",
                share=round(cause.share, 3),
                reasons=tuple(ReasonDoc(reason, REASONS[self._language][reason]) for reason in cause.reasons),
            )
            for rank, cause in enumerate(attribution.causes[:TOP_CAUSES])
        )

    def save(self) -> tuple[int, Any, list[tuple[str, int]]]:
        """For a checkpoint."""
        current = msgspec.to_builtins(self._current, builtin_types=(datetime,))
        return (self._number, current, [(event.kind, event.at) for event in self._events])

    def load(self, saved: tuple[int, Any, list[tuple[str, int]]]) -> None:
        """From a checkpoint."""
        self._number, current, events = saved
        self._events.extend(Happening(kind, at) for kind, at in events)
        self._current = None if current is None else msgspec.convert(current, Incident)


def _top(attribution: Attribution | None) -> list[str]:
    return [] if attribution is None else [cause.cause for cause in attribution.causes[:TOP_CAUSES]]


def _is_likely(attribution: Attribution) -> bool:
    """Whether the first cause stands out."""
    shares = [cause.share for cause in attribution.causes[:2]]
    return bool(shares) and shares[0] >= LIKELY_SHARE and (len(shares) == 1 or shares[0] >= LIKELY_LEAD * shares[1])

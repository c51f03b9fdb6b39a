"""Incidents: the alarms of one episode joined, what likely caused it, and what must be held when the truth is what alarmed."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import msgspec

from agent.core.causes import CAUSES, REASONS
from agent.core.holds import Holds
from agent.documents import CauseDoc, HoldDoc, IncidentDoc, OnsetDoc, ReasonDoc, SignDoc
from agent.ports import History
from detectors.attribution import Attribution, Happening, Symptom, attribute, joined

# Families that show harm: where one did, its onset is the one a hold's parts are set beside.
HARM = frozenset({"outcomes", "challenge", "identity"})
# Events remembered to be set beside onsets; more than a shift has.
RECENT_EVENTS = 100
# Before every part.
NOTHING_BEFORE = -1
# Causes an incident names.
TOP_CAUSES = 3
# A cause with at least this share of the weight, and twice that of the next one, is said to be likely; else possible.
LIKELY_SHARE, LIKELY_LEAD = 0.5, 2.0


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """One episode of one station. over_at: all its alarms have returned. closed_at: nothing is left to be done about it."""

    incident: str
    opened_at: datetime
    alarms: tuple[str, ...] = ()
    onset: OnsetDoc | None = None
    over_at: datetime | None = None
    closed_at: datetime | None = None
    symptoms: tuple[Symptom, ...] = ()
    attribution: Attribution | None = None


class Incidents:
    """The incidents of one station: alarms raised while one goes on join it; those over stay here until they are closed."""

    def __init__(self, station: str, history: History, language: str = "en") -> None:
        self._station = station
        self._history = history
        self._language = language
        self._events: deque[Happening] = deque(maxlen=RECENT_EVENTS)
        self._number = 0
        self._current: Incident | None = None
        self._unsigned: dict[str, Incident] = {}  # over, not closed
        self.holds = Holds(station, history)

    def begin_after(self, number: int) -> None:
        """Number on from here."""
        self._number = number

    @property
    def station(self) -> str:
        """Whose incidents these are."""
        return self._station

    @property
    def history(self) -> History:
        """Where parts are asked for."""
        return self._history

    @property
    def current(self) -> Incident | None:
        """The open one, else the last one, else None."""
        return self._current

    def open_id(self, at: datetime) -> str:
        """Id of the open incident; a new one is opened where there is none."""
        if self._current is None or self._current.over_at is not None:
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
        """Hold the passed parts from index `first` to `last` and on; it grows and never shrinks."""
        self.holds.hold(self.current_id, first, last, verified=verified)

    def grow(self, last: int) -> bool:
        """The station has inspected part `last`; True when the hold is to be published again."""
        return self.holds.grow(self.current_id, last)

    def covered(self, last: int, by: str, at: datetime) -> bool:
        """A check that covers what is held was good at part `last`: the hold ends there. True where one grew until now."""
        return self.holds.end(self.current_id, last, by, at)

    def end_episode(self, at: datetime) -> bool:
        """Every alarm of the episode has returned: what is raised from now on is another one. True when this ended one."""
        current = self._current
        if current is None or current.over_at is not None:
            return False
        over = msgspec.structs.replace(current, over_at=at)
        if self.holds.get(current.incident) is None:
            over = msgspec.structs.replace(over, closed_at=at)
        else:
            self._unsigned[over.incident] = over
        self._current = over
        return True

    def get(self, incident: str) -> Incident | None:
        """The current one, or one that is over and not closed."""
        current = self._current
        return current if current is not None and current.incident == incident else self._unsigned.get(incident)

    def documents(self) -> tuple[IncidentDoc, ...]:
        """Those not closed, oldest first, and the current one."""
        shown = [one for one in self._unsigned.values() if one.incident != self.current_id]
        return tuple(self.document(one) for one in (*shown, *(() if self._current is None else (self._current,))))

    def hold_document(self, incident: Incident) -> HoldDoc | None:
        """What an incident holds; None where it holds nothing."""
        harmed = [s.onset for s in incident.symptoms if s.family in HARM] or [s.onset for s in incident.symptoms]
        onset = min(harmed, key=lambda one: (one.earliest, one.estimate), default=None)
        closed = incident.closed_at is not None
        return self.holds.document(incident.incident, opened_at=incident.opened_at, onset=onset, closed=closed)

    def document(self, current: Incident) -> IncidentDoc:
        """An incident as it is published."""
        return IncidentDoc(
            incident=current.incident,
            station=self._station,
            opened_at=current.opened_at,
            alarms=current.alarms,
            onset=current.onset,
            hold=self.hold_document(current),
            open=current.closed_at is None,
            closed_at=current.closed_at,
            over_at=current.over_at,
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

    def save(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {
            "number": self._number,
            "current": msgspec.to_builtins(self._current, builtin_types=(datetime,)),
            "events": [(event.kind, event.at) for event in self._events],
            "unsigned": msgspec.to_builtins(self._unsigned, builtin_types=(datetime,)),
            "holds": self.holds.save(),
        }

    def load(self, saved: dict[str, Any]) -> None:
        """From a checkpoint."""
        self._number = saved["number"]
        self._events.extend(Happening(kind, at) for kind, at in saved["events"])
        self._current = msgspec.convert(saved["current"], Incident | None)
        self._unsigned = msgspec.convert(saved["unsigned"], dict[str, Incident])
        self.holds.load(saved["holds"])


def _top(attribution: Attribution | None) -> list[str]:
    return [] if attribution is None else [cause.cause for cause in attribution.causes[:TOP_CAUSES]]


def _is_likely(attribution: Attribution) -> bool:
    """Whether the first cause stands out."""
    shares = [cause.share for cause in attribution.causes[:2]]
    return bool(shares) and shares[0] >= LIKELY_SHARE and (len(shares) == 1 or shares[0] >= LIKELY_LEAD * shares[1])

"""Which alarms stood, or were yet to come, at a moment of the past: from the transitions kept."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

import msgspec

from agent.documents import EvidenceDoc, StoodDoc


class _Event(msgspec.Struct):
    """What is read of a kept transition."""

    alarm_id: str
    occurrence_id: str
    station: str
    active: bool
    text: str
    changed_at: datetime
    raised_at: datetime | None = None
    evidence: EvidenceDoc | None = None
    incident: str = ""


@dataclass(slots=True)
class _Stood:
    """One occurrence from its onset to its end."""

    first: _Event
    raised_at: datetime
    onset_at: datetime
    ended_at: datetime | None = None


class Standing:
    """Every occurrence kept, by station."""

    def __init__(self, db: sqlite3.Connection) -> None:
        known: dict[str, _Stood] = {}
        decode = msgspec.json.Decoder(_Event).decode
        for (body,) in db.execute("SELECT body FROM alarm_events ORDER BY id"):
            event = decode(body)
            stood = known.get(event.occurrence_id)
            if stood is None:
                raised_at = event.raised_at or event.changed_at
                onset = event.evidence.onset if event.evidence is not None else None
                began = onset.earliest_at if onset is not None and onset.earliest_at is not None else raised_at
                stood = known[event.occurrence_id] = _Stood(event, raised_at, min(began, raised_at))
            if not event.active and stood.ended_at is None:
                stood.ended_at = event.changed_at
        self._by_station: defaultdict[str, list[_Stood]] = defaultdict(list)
        for stood in known.values():
            self._by_station[stood.first.station].append(stood)

    def at(self, station: str, moment: datetime) -> tuple[StoodDoc, ...]:
        """Those that stood, and those raised later for a change that may have begun by then, oldest first."""
        return tuple(
            StoodDoc(
                alarm_id=stood.first.alarm_id,
                occurrence_id=stood.first.occurrence_id,
                text=stood.first.text,
                stood=stood.raised_at <= moment,
                raised_at=stood.raised_at,
                incident=stood.first.incident,
            )
            for stood in self._by_station[station]
            if stood.onset_at <= moment and (stood.ended_at is None or moment < stood.ended_at)
        )
